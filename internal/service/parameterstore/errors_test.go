// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// The messages of AWS that several requests get.
const (
	badName = `Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths ` +
		`divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`
	badPath = `The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". ` +
		`It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: ` +
		`. (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the ` +
		`forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.`
	badToken     = "The specified token isn't valid."
	badAttribute = "A policy attribute or its value is invalid."
)

// A refusal is a request that must be refused, and how.
type refusal struct {
	operation string
	in        map[string]any
	code      string
	message   string
}

// change is members of a request, for a table.
type change = map[string]any

// put is a PutParameter that is right but for the change.
func put(c change, code, message string) refusal {
	in := map[string]any{"Name": "/new/one", "Value": "v", "Type": "String"}
	for k, v := range c {
		in[k] = v
		if v == nil {
			delete(in, k)
		}
	}
	return refusal{"PutParameter", in, code, message}
}

// describe is a DescribeParameters with one filter.
func describe(filter change, code, message string) refusal {
	return refusal{"DescribeParameters", change{"ParameterFilters": []change{filter}}, code, message}
}

// attach is a PutResourcePolicy for /a/b that is right but for the change.
func attach(c change, code, message string) refusal {
	in := map[string]any{"ResourceArn": arnPrefix + "/a/b", "Policy": share(consumer, "ssm:GetParameter")}
	maps.Copy(in, c)
	return refusal{"PutResourcePolicy", in, code, message}
}

// addTags is an AddTagsToResource for /a/b.
func addTags(tags []change, code, message string) refusal {
	return refusal{"AddTagsToResource", change{"ResourceType": "Parameter", "ResourceId": "/a/b", "Tags": tags}, code, message}
}

func policies(all ...string) string { return "[" + strings.Join(all, ",") + "]" }

const (
	expiration = `{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00.000Z"}}`
	noChange   = `{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"1","Unit":"Hours"}}`
)

// expiring is an Expiration with that timestamp.
func expiring(timestamp string) string {
	return `{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"` + timestamp + `"}}`
}

func refusals() []refusal {
	levels := func(n int) string { return strings.Repeat("/l", n) }
	advanced := func(text string) change { return change{"Tier": "Advanced", "Policies": text} }
	return []refusal{
		// Names.
		put(change{"Name": "ssm-x"}, "ValidationException", `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`),
		put(change{"Name": "/AWSx"}, "ValidationException", `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`),
		put(change{"Name": "/SSM/x"}, "ValidationException", badName),
		put(change{"Name": "/Aws/x"}, "AccessDeniedException", "No access to reserved parameter name: Aws/x."),
		put(change{"Name": "a/b"}, "ValidationException", "Parameter name must be a fully qualified name."),
		put(change{"Name": "/a//b"}, "ValidationException", badName),
		put(change{"Name": "/a/"}, "ValidationException", badName),
		put(change{"Name": "/"}, "ValidationException", badName),
		put(change{"Name": "a b"}, "ValidationException", badName),
		put(change{"Name": "a:1"}, "ValidationException", badName),
		put(change{"Name": "\u00fcber"}, "ValidationException", badName),
		put(change{"Name": arnPrefix + "/a"}, "ValidationException", badName),
		put(change{"Name": levels(16)}, "HierarchyLevelLimitExceededException", "A hierarchy can have a maximum of 15 levels."),
		put(change{"Name": strings.Repeat("n", 1012-len(arnPrefix+"/"))}, "ValidationException",
			"Parameter name: the parameter's ARN, which ends with the name, can have at most 1011 characters."),
		// What a version is made of.
		put(change{"Type": nil}, "ValidationException", "A parameter type is required when you create a parameter."),
		put(change{"Type": "Text"}, "ValidationException", "1 validation error detected: Value 'Text' at 'type' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [String, StringList, SecureString]"),
		put(change{"KeyId": "alias/aws/ssm"}, "ValidationException", "KeyId is required for SecureString type parameter only."),
		put(change{"Value": ""}, "ValidationException", "1 validation error detected: Value '' at 'value' failed to satisfy constraint: "+
			"Member must have length greater than or equal to 1."),
		put(change{"Value": "a {{ssm:b}} c"}, "ValidationException", `Parameter value can't nest another parameter. Do not use "{{}}" in the value.`),
		put(change{"DataType": "Text"}, "ValidationException", "The following data type is not supported: Text (Data type names are all lowercase.)"),
		put(change{"DataType": "aws:ec2:image", "Type": "StringList"}, "ValidationException",
			"The aws:ec2:image data type is not supported for the following input type: StringList"),
		put(change{"DataType": "aws:ec2:image", "Value": "ami"}, "ValidationException",
			"The parameter value is not a valid Amazon Machine Image (AMI) ID. The required format is ami-12345abcdeEXAMPLE."),
		put(change{"AllowedPattern": `\d{1,4}`, "Value": "10,000"}, "ParameterPatternMismatchException",
			`Parameter value, cannot be validated against allowedPattern: \d{1,4}`),
		put(change{"AllowedPattern": `\d`, "Value": "1,2,x", "Type": "StringList"}, "ParameterPatternMismatchException",
			`Parameter value, cannot be validated against allowedPattern: \d`),
		put(change{"AllowedPattern": `(`}, "InvalidAllowedPatternException", "The request doesn't meet the regular expression requirement."),
		put(change{"AllowedPattern": `a)(?:b`}, "InvalidAllowedPatternException", "The request doesn't meet the regular expression requirement."),
		// Tags.
		put(change{"Overwrite": true, "Tags": []change{{"Key": "k", "Value": "v"}}}, "ValidationException",
			"Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. "+
				"To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource."),
		put(change{"Tags": []change{{"Key": "k", "Value": "v"}, {"Key": "k", "Value": "w"}}}, "ValidationException", "Duplicate tag key: k."),
		put(change{"Tags": []change{{"Key": "AWS:k", "Value": "v"}}}, "ValidationException",
			"Tag keys can't be prefixed with aws:, which is reserved for AWS use."),
		put(change{"Tags": manyTags(51)}, "TooManyTagsError", "A resource can have a maximum of 50 tags."),
		// Tiers and policies.
		put(change{"Value": strings.Repeat("x", 4097)}, "ValidationException",
			"Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the "+
				"parameter to use the advanced-parameter tier. For more information, see "+
				"https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"),
		put(change{"Value": strings.Repeat("x", 8193), "Tier": "Intelligent-Tiering"}, "ValidationException",
			"Advanced-tier parameters support a maximum parameter value of 8192 characters."),
		put(change{"Policies": policies(expiration)}, "ValidationException", "You can't assign parameter policies to a standard-parameter tier."),
		put(advanced(expiration), "ValidationException", "Invalid policies input: "+expiration+"."),
		put(advanced(policies(`{"Type":"Expire","Version":"1.0","Attributes":{}}`)), "InvalidPolicyTypeException",
			"The policy type isn't supported. Parameter Store supports the following policy types: Expiration, ExpirationNotification, and NoChangeNotification."),
		put(advanced(policies(strings.Replace(expiration, "T00", " 00", 1))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(expiring(servicetest.Start.Format(time.RFC3339Nano)))), "InvalidPolicyAttributeException", badAttribute), // not in the future
		put(advanced(policies(expiring("2031-02-29T00:00:00Z"))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(expiring("2031-02-28T00:00:00"))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(expiring("2031-02-28T0:00:00Z"))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(expiring("2031-02-28T00:00:00,5Z"))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(expiring("2031-02-28"))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(strings.Replace(noChange, `"1"`, `1`, 1))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(strings.Replace(noChange, `"1"`, `"-1"`, 1))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(strings.Replace(noChange, `"1"`, `"1.5"`, 1))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(strings.Replace(noChange, `Hours`, `hours`, 1))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(strings.Replace(expiration, "1.0", "2.0", 1))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(strings.Replace(noChange, "Hours", "Weeks", 1))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(strings.Replace(noChange, `"1"`, `"0"`, 1))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(strings.Replace(noChange, "After", "Before", 1))), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(`{"Type":"Expiration","Other":1}`)), "InvalidPolicyAttributeException", badAttribute),
		put(advanced(policies(expiration, expiration)), "IncompatiblePolicyException",
			"There is a conflict in the policies specified for this parameter. You can't, for example, specify two Expiration policies for a "+
				"parameter. Review your policies, and try again."),
		put(advanced(policies(strings.Split(strings.Repeat(noChange+";", 10)+noChange, ";")...)), "PoliciesLimitExceededException",
			"You can assign a maximum of 10 policies to a parameter."),
		// What exists: a String /a/b in the advanced tier.
		put(change{"Name": "/a/b"}, "ParameterAlreadyExists",
			"The parameter already exists. To overwrite this value, set the overwrite option in the request to true."),
		put(change{"Name": "/a/b", "Overwrite": true, "Type": "SecureString"}, "HierarchyTypeMismatchException",
			"Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String "+
				"type to a SecureString type. You must create a new, unique parameter."),
		put(change{"Name": "/a/b", "Overwrite": true, "Tier": "Standard"}, "ValidationException",
			"This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the "+
				"standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter. "+
				"Be aware that standard parameters have a value limit of 4096 characters."),
		// Reading and deleting.
		{"GetParameter", change{"Name": "/none"}, "ParameterNotFound", "Parameter /none not found."},
		{"GetParameter", change{"Name": "none:3"}, "ParameterNotFound", "Parameter none:3 not found."},
		{"GetParameter", change{"Name": "/aws/service/ami"}, "ParameterNotFound", "Parameter /aws/service/ami not found."},
		{
			"GetParameter",
			change{"Name": strings.Replace(arnPrefix, servicetest.Account, "999999999999", 1) + "/a/b"},
			"AccessDeniedException",
			"User: arn:aws:iam::123456789012:root is not authorized to perform: ssm:GetParameter on resource: " +
				strings.Replace(arnPrefix, servicetest.Account, "999999999999", 1) + "/a/b because no resource-based policy allows the ssm:GetParameter action",
		},
		{
			"GetParameter",
			change{"Name": "/a/b:2"},
			"ParameterVersionNotFound",
			"Systems Manager could not find version 2 of /a/b. Verify the version and try again.",
		},
		{
			"GetParameter",
			change{"Name": "/a/b:0"},
			"ParameterVersionNotFound",
			"Systems Manager could not find version 0 of /a/b. Verify the version and try again.",
		},
		{
			"GetParameter",
			change{"Name": "/a/b:99999999999999999999"},
			"ParameterVersionNotFound",
			"Systems Manager could not find version 99999999999999999999 of /a/b. Verify the version and try again.",
		},
		{
			"GetParameter",
			change{"Name": "/a/b:live"},
			"ParameterVersionNotFound",
			"Systems Manager could not find version live of /a/b. Verify the version and try again.",
		},
		{
			"GetParameter",
			change{"Name": "/a/b:1:2"},
			"ValidationException",
			"Invalid parameter name. Please use correct syntax for referencing a version/label  <name>:<version/label>",
		},
		{"GetParameter", change{"Name": "a/b"}, "ValidationException", badName},
		{"GetParameter", change{"Name": "/a//b"}, "ValidationException", badName},
		{"GetParameter", change{"Name": "ssmx"}, "ValidationException", badName},
		{"GetParameter", change{"Name": "arn:aws:s3:eu-west-1:123456789012:parameter/x"}, "ValidationException", badName},
		{"GetParameterHistory", change{"Name": "none"}, "ParameterNotFound", "Parameter none not found."},
		{"GetParameterHistory", change{"Name": "/a/b:1"}, "ValidationException", badName},
		{"GetParameterHistory", change{"Name": "/a/b", "NextToken": "x"}, "InvalidNextToken", badToken},
		{"GetParametersByPath", change{"Path": "a"}, "ValidationException", badPath},
		{"GetParametersByPath", change{"Path": "//"}, "ValidationException", badPath},
		{"GetParametersByPath", change{"Path": "/ssm/x"}, "ValidationException", badPath},
		{"GetParametersByPath", change{"Path": "/a", "NextToken": "x"}, "InvalidNextToken", badToken},
		{
			"GetParametersByPath",
			change{"Path": "/a", "ParameterFilters": []change{{"Key": "Name", "Values": []string{"x"}}}},
			"InvalidFilterKey",
			"The following filter key is not valid: Name. Valid filter keys include: [Type, KeyId, Label].",
		},
		{
			"GetParametersByPath",
			change{"Path": "/a", "ParameterFilters": []change{{"Key": "Label", "Option": "BeginsWith", "Values": []string{"x"}}}},
			"InvalidFilterOption", "The following filter option is not valid: BeginsWith. Valid options include: [Equals].",
		},
		{"DeleteParameter", change{"Name": "none"}, "ParameterNotFound", "Parameter none not found."},
		{"DeleteParameter", change{"Name": "/a/b:1"}, "ValidationException", badName},
		{"DeleteParameter", change{"Name": arnPrefix + "/a/b"}, "ValidationException", badName},
		// Labels and tags.
		{"LabelParameterVersion", change{"Name": "/none", "Labels": []string{"x"}}, "ParameterNotFound", "Parameter /none not found."},
		{"LabelParameterVersion", change{"Name": "/a/b:1", "Labels": []string{"x"}}, "ValidationException", badName},
		{"LabelParameterVersion", change{"Name": arnPrefix + "/a/b", "Labels": []string{"x"}}, "ValidationException", badName},
		{
			"LabelParameterVersion",
			change{"Name": "/a/b", "ParameterVersion": 2, "Labels": []string{"x"}},
			"ParameterVersionNotFound",
			"Systems Manager could not find version 2 of /a/b. Verify the version and try again.",
		},
		{
			"LabelParameterVersion",
			change{"Name": "/a/b", "Labels": []string{"eleventh"}},
			"ParameterVersionLabelLimitExceeded",
			"A parameter version can have maximum 10 labels.Move one or more labels to another version and try again.",
		},
		{
			"LabelParameterVersion",
			change{"Name": "/a/b", "Labels": []string{strings.Repeat("x", 101)}},
			"ValidationException",
			"1 validation error detected: Value '[" + strings.Repeat("x", 101) + "]' at 'labels' failed to satisfy constraint: Member must satisfy " +
				"constraint: [Member must have length less than or equal to 100, Member must have length greater than or equal to 1]",
		},
		{"UnlabelParameterVersion", change{"Name": "/none", "ParameterVersion": 1, "Labels": []string{"x"}}, "ParameterNotFound", "Parameter /none not found."},
		{
			"UnlabelParameterVersion",
			change{"Name": "/a/b", "ParameterVersion": 0, "Labels": []string{"x"}},
			"ParameterVersionNotFound",
			"Systems Manager could not find version 0 of /a/b. Verify the version and try again.",
		},
		{
			"UnlabelParameterVersion",
			change{"Name": "/a/b", "Labels": []string{"x"}},
			"ValidationException",
			"1 validation error detected: Value null at 'parameterVersion' failed to satisfy constraint: Member must not be null",
		},
		addTags(manyTags(51), "TooManyTagsError", "A resource can have a maximum of 50 tags."),
		addTags([]change{{"Key": "aws:k", "Value": "v"}}, "ValidationException", "Tag keys can't be prefixed with aws:, which is reserved for AWS use."),
		addTags([]change{{"Key": "k", "Value": "v"}, {"Key": "k", "Value": "w"}}, "ValidationException", "Duplicate tag key: k."),
		// Resource policies.
		attach(change{"ResourceArn": arnPrefix + "/none"}, "ResourceNotFoundException", "The specified parameter to be shared could not be found."),
		attach(change{"ResourceArn": strings.Replace(arnPrefix, servicetest.Region, "us-east-1", 1) + "/a/b"}, "ResourceNotFoundException",
			"The specified parameter to be shared could not be found."),
		attach(change{"ResourceArn": "/a/b-with-a-long-enough-name"}, "ResourcePolicyInvalidParameterException", "The ResourceArn is not the ARN of a parameter."),
		attach(change{"ResourceArn": arnPrefix + "/a/b:1"}, "ResourcePolicyInvalidParameterException", "The ResourceArn is not the ARN of a parameter."),
		attach(change{"ResourceArn": "arn:aws:ssm:eu-west-1:123456789012:opsitemgroup/default"}, "ResourcePolicyInvalidParameterException",
			"The ResourceArn is not the ARN of a parameter."),
		attach(change{"ResourceArn": arnPrefix + "/standard"}, "ResourcePolicyInvalidParameterException",
			"To share a parameter, it must be in the advanced parameter tier."),
		attach(change{"PolicyId": "x"}, "ResourcePolicyInvalidParameterException", "To update a policy, you must specify PolicyId and PolicyHash."),
		attach(change{"PolicyHash": "x"}, "ResourcePolicyInvalidParameterException", "To update a policy, you must specify PolicyId and PolicyHash."),
		attach(change{"PolicyId": "x", "PolicyHash": "x"}, "ResourcePolicyNotFoundException", "No policies with the specified policy ID and hash could be found."),
		attach(change{"Policy": "{}"}, "MalformedResourcePolicyDocumentException",
			"The specified policy document is malformed or invalid: Syntax errors in policy."),
		attach(change{"Policy": share("arn:aws:iam::123456789012:user/none", "ssm:GetParameter")}, "MalformedResourcePolicyDocumentException",
			"The specified policy document is malformed or invalid: Invalid principal in policy: arn:aws:iam::123456789012:user/none"),
		attach(change{"Policy": share(consumer, "ssm:GetParameter") + strings.Repeat(" ", 1024)}, "ResourcePolicyLimitExceededException",
			"A policy can't be greater than 1024 bytes in size."),
		attach(change{"Policy": "{\n}"}, "ValidationException", "1 validation error detected: Value '{\n}' at 'policy' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: ^(?!\\s*$).+"),
		{"GetResourcePolicies", change{"ResourceArn": arnPrefix + "/none"}, "ResourceNotFoundException", "The specified parameter to be shared could not be found."},
		{
			"GetResourcePolicies",
			change{"ResourceArn": arnPrefix + "/a/b", "NextToken": "x"},
			"ResourcePolicyInvalidParameterException", badToken,
		},
		{
			"DeleteResourcePolicy",
			change{"ResourceArn": arnPrefix + "/a/b", "PolicyId": "x", "PolicyHash": "y"},
			"ResourcePolicyNotFoundException",
			"No policies with the specified policy ID and hash could be found.",
		},
		// Filters.
		{"DescribeParameters", change{"NextToken": "x"}, "InvalidNextToken", badToken},
		{"DescribeParameters", change{
			"Filters": []change{{"Key": "Name", "Values": []string{"x"}}}, "ParameterFilters": []change{{"Key": "Name", "Values": []string{"x"}}},
		}, "ValidationException", "You can use either Filters or ParameterFilters in a single request."},
		{"DescribeParameters", change{"ParameterFilters": []change{
			{"Key": "Name", "Values": []string{"x"}}, {"Key": "Name", "Values": []string{"y"}},
		}}, "InvalidFilterKey", "The following filter is duplicated in the request: Name. A request can contain only one occurrence of a specific filter."},
		describe(change{"Key": "Label", "Values": []string{"x"}}, "InvalidFilterKey",
			"The following filter key is not valid: Label. Valid filter keys include: [Path, Name, Type, KeyId, Tier, DataType, tag:]."),
		describe(change{"Key": "Name"}, "InvalidFilterValue", "The following filter values are missing : null for filter key Name."),
		describe(change{"Key": "Type", "Option": "Contains", "Values": []string{"String"}}, "InvalidFilterOption",
			"The following filter option is not valid: Contains. Valid options include: [BeginsWith, Equals]."),
		describe(change{"Key": "Path", "Option": "Equals", "Values": []string{"/x"}}, "InvalidFilterOption",
			"The following filter option is not valid: Equals. Valid options include: [Recursive, OneLevel]."),
		describe(change{"Key": "Type", "Values": []string{"Text"}}, "InvalidFilterValue",
			"The following filter value is not valid: Text. Valid values include: [String, StringList, SecureString]."),
		describe(change{"Key": "Tier", "Values": []string{"Best"}}, "InvalidFilterValue",
			"The following filter value is not valid: Best. Valid values include: [Standard, Advanced, Intelligent-Tiering]."),
		describe(change{"Key": "Path", "Values": []string{"/###"}}, "ValidationException", badPath),
		describe(change{"Key": "Path", "Values": []string{"/Aws"}}, "ValidationException",
			`Filters for common parameters can't be prefixed with "aws" or "ssm" (case-insensitive).`),
	}
}

func manyTags(n int) (tags []change) {
	for i := range n {
		tags = append(tags, change{"Key": fmt.Sprint("k", i), "Value": "v"})
	}
	return tags
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if got := f.Post(f.Root, "AmazonSSM.PutParameter", `{"Name":"/a/b","Value":"v","Type":"String","Tier":"Advanced"}`); got.Status != 200 {
		t.Fatalf("got %+v", got)
	}
	f.set("/standard", "v")
	f.label("/a/b", 1, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
	before := f.Keys("ssm/")
	for _, r := range refusals() {
		body, err := json.Marshal(r.in)
		if err != nil {
			t.Fatal(err)
		}
		got := f.Post(f.Root, "AmazonSSM."+r.operation, string(body))
		if got.Status != 400 || got.Type != r.code || got.Message != r.message {
			t.Errorf("%s %.120s:\n got %d %s: %s\nwant 400 %s: %s", r.operation, body, got.Status, got.Type, got.Message, r.code, r.message)
		}
	}
	if after := f.Keys("ssm/"); len(after) != len(before) {
		t.Errorf("a refused request left something: %v", after)
	}
}

// The limits themselves are allowed.
func TestLimitsAreInclusive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, c := range []change{
		{"Name": strings.Repeat("/l", 15)},
		{"Name": strings.Repeat("n", 1011-len(arnPrefix+"/"))},
		{"Name": "standard", "Value": strings.Repeat("x", 4096)},
		{"Name": "advanced", "Value": strings.Repeat("x", 8192), "Tier": "Advanced"},
		{"Name": "tags", "Tags": manyTags(50)},
		{"Name": "image", "DataType": "aws:ec2:image", "Value": "ami-12345abcdeEXAMPLE"},
		{"Name": "braces", "Value": `{"a":{"b":"}}"}}`},
		{"Name": "digits", "AllowedPattern": `\d{1,4}`, "Value": "1000"},
		{"Name": "list", "AllowedPattern": `\d`, "Value": "1,2", "Type": "StringList"},
		{"Name": "offset", "Tier": "Advanced", "Policies": policies(expiring("2030-11-01T22:13:48.87+10:30:00"))},
		{"Name": "minutes", "Tier": "Advanced", "Policies": policies(expiring("2030-11-01T22:13-00:30"))},
		{"Name": "nanoseconds", "Tier": "Advanced", "Policies": policies(expiring("9999-12-31T23:59:59.999999999Z"), strings.Replace(noChange, `"1","Unit":"Hours"`, `"2147483647","Unit":"Days"`, 1))},
		{"Name": "long-ago", "Tier": "Advanced", "Policies": policies(expiration, `{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"2147483647","Unit":"Days"}}`)},
	} {
		r := put(c, "", "")
		body, err := json.Marshal(r.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Post(f.Root, "AmazonSSM.PutParameter", string(body)); got.Status != 200 {
			t.Errorf("%.120s: %d %s: %s", body, got.Status, got.Type, got.Message)
		}
	}
}
