// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

// firstSteps are what somebody new types first.
func (c awsCLI) firstSteps() []step {
	return []step{
		{command: `aws kms create-key`},
		{command: `aws kms create-key --query KeyMetadata.KeyId --output text`, save: "ID"},
		{command: `aws kms encrypt --key-id $ID --plaintext "VG9wIFNlY3JldA==" --query CiphertextBlob --output text`, save: "CIPHERTEXT"},
		{command: `echo "$CIPHERTEXT" | base64 -d > $DIR/ciphertext`},
		{command: `aws kms decrypt --ciphertext-blob fileb://$DIR/ciphertext --query Plaintext --output text`, want: c.blob("VG9wIFNlY3JldA==")},
		{command: `aws ssm put-parameter --name /my/secret --value 'Hello, world!' --type SecureString --query Version`, want: "1"},
		{command: `aws ssm get-parameter --name /my/secret --with-decryption --query Parameter.Value --output text`, want: "Hello, world!"},
		{command: `aws secretsmanager create-secret --name Username --secret-string "MyUsername" --query Name --output text`, want: "Username"},
		{command: `aws secretsmanager get-secret-value --secret-id Username --query SecretString --output text`, want: "MyUsername"},
		{command: `AWS_SECRET_ACCESS_KEY=wrong aws secretsmanager get-secret-value --secret-id Username`, fails: "InvalidSignatureException"},
	}
}

func (c awsCLI) kmsSteps() []step {
	return []step{
		{command: `aws kms create-key --description smoke --query KeyMetadata.KeyId --output text`, save: "ID"},
		{command: `aws kms describe-key --key-id $ID --query 'KeyMetadata.[KeyState,Description,KeySpec]' --output text`, want: "Enabled\tsmoke\tSYMMETRIC_DEFAULT"},
		{command: `aws kms list-keys --query "Keys[?KeyId=='$ID'] | length(@)"`, want: "1"},
		{command: `aws kms create-alias --alias-name alias/smoke --target-key-id $ID`},
		{command: `aws kms create-alias --alias-name alias/smoke --target-key-id $ID`, fails: "AlreadyExistsException"},
		{command: `aws kms list-aliases --key-id $ID --query 'Aliases[].AliasName' --output text`, want: "alias/smoke"},
		{command: `aws kms encrypt --key-id alias/smoke --plaintext fileb:///dev/null`, fails: "ValidationException"},
		{command: `printf 'in a context' > $DIR/plain`},
		{command: `aws kms encrypt --key-id alias/smoke --plaintext fileb://$DIR/plain --encryption-context tenant=a --query CiphertextBlob --output text | base64 -d > $DIR/sealed`},
		{command: `aws kms decrypt --ciphertext-blob fileb://$DIR/sealed --encryption-context tenant=a --query Plaintext --output text | base64 -d`, want: "in a context"},
		{command: `aws kms decrypt --ciphertext-blob fileb://$DIR/sealed --encryption-context tenant=b`, fails: "InvalidCiphertextException"},
		{command: `aws kms decrypt --ciphertext-blob fileb://$DIR/plain`, fails: "InvalidCiphertextException"},
		{command: `aws kms generate-data-key --key-id $ID --key-spec AES_256 --query Plaintext --output text | base64 -d | wc -c`, want: "32"},
		{command: `aws kms generate-data-key-without-plaintext --key-id $ID --key-spec AES_256 --query 'keys(@) | sort(@) | join(` + "`,`" + `, @)' --output text`, save: "MEMBERS"},
		{command: `case "$MEMBERS" in *Plaintext*) exit 1;; *CiphertextBlob*KeyId*) ;; *) exit 1;; esac`},
		{command: `aws kms delete-alias --alias-name alias/smoke`},
		{command: `aws kms describe-key --key-id alias/smoke`, fails: "NotFoundException"},
		{command: `aws kms describe-key --key-id alias/aws/ssm --query KeyMetadata.KeyManager --output text`, want: "AWS"},
	}
}

var ssmSteps = []step{
	{command: `aws ssm put-parameter --name /app/db/host --value db.internal --type String --query Version`, want: "1"},
	{command: `aws ssm put-parameter --name /app/db/password --value hunter2 --type SecureString --query Version`, want: "1"},
	{command: `aws ssm put-parameter --name /app/db/password --value hunter3 --type SecureString`, fails: "ParameterAlreadyExists"},
	{command: `aws ssm put-parameter --name /app/db/password --value hunter3 --overwrite --query Version`, want: "2"},
	{command: `aws ssm get-parameter --name /app/db/host --query Parameter.Value --output text`, want: "db.internal"},
	{command: `aws ssm get-parameter --name /app/db/password --query "Parameter.Value != 'hunter3'"`, want: "true"},
	{command: `aws ssm get-parameter --name /app/db/password:1 --with-decryption --query Parameter.Value --output text`, want: "hunter2"},
	{command: `aws ssm get-parameter --name /app/none`, fails: "ParameterNotFound"},
	{command: `aws ssm get-parameters --names /app/db/host /app/db/password /app/none --with-decryption --query '[sort(Parameters[].Value), InvalidParameters][]' --output text`, want: "db.internal\thunter3\t/app/none"},
	{command: `aws ssm get-parameters-by-path --path /app --recursive --with-decryption --max-items 10 --query 'Parameters[].Name' --output text`, want: "/app/db/host\t/app/db/password"},
	{command: `aws ssm get-parameters-by-path --path /app --query 'length(Parameters)'`, want: "0"},
	{command: `aws ssm get-parameter-history --name /app/db/password --with-decryption --query 'Parameters[].Value' --output text`, want: "hunter2\thunter3"},
	{command: `aws ssm describe-parameters --parameter-filters Key=Name,Option=BeginsWith,Values=/app --query 'Parameters[].[Name,Type]' --output text`, want: "/app/db/host\tString\n/app/db/password\tSecureString"},
	{command: `aws ssm label-parameter-version --name /app/db/password --parameter-version 1 --labels live blue 1st --query '[InvalidLabels[0],ParameterVersion]' --output text`, want: "1st\t1"},
	{command: `aws ssm label-parameter-version --name /app/db/password --labels live --query ParameterVersion`, want: "2"},
	{command: `aws ssm get-parameter --name /app/db/password:live --with-decryption --query Parameter.Value --output text`, want: "hunter3"},
	{command: `aws ssm unlabel-parameter-version --name /app/db/password --parameter-version 1 --labels blue live --query '[RemovedLabels,InvalidLabels][]' --output text`, want: "blue\tlive"},
	{command: `aws ssm add-tags-to-resource --resource-type Parameter --resource-id /app/db/host --tags Key=team,Value=data Key=stage,Value=prod`},
	{command: `aws ssm remove-tags-from-resource --resource-type Parameter --resource-id /app/db/host --tag-keys stage`},
	{command: `aws ssm list-tags-for-resource --resource-type Parameter --resource-id /app/db/host --query 'TagList[].[Key,Value]' --output text`, want: "team\tdata"},
	{command: `aws ssm list-tags-for-resource --resource-type Parameter --resource-id /app/none`, fails: "InvalidResourceId"},
	{command: `aws ssm list-tags-for-resource --resource-type Document --resource-id x`, fails: "InvalidResourceType"},
	{command: `aws ssm put-parameter --name /app/db/host --value db.internal --overwrite --tier Advanced --query Tier --output text`, want: "Advanced"},
	{command: `aws ssm get-parameter --name /app/db/host --query Parameter.ARN --output text`, save: "ARN"},
	{command: `echo '{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"ssm:GetParameter","Resource":"*"}}' | tr -d '\n' > $DIR/share.json`},
	{command: `aws ssm put-resource-policy --resource-arn $ARN --policy file://$DIR/share.json --query PolicyId --output text`, save: "POLICY"},
	{command: `aws ssm get-resource-policies --resource-arn $ARN --query "Policies[?PolicyId=='$POLICY'].PolicyHash" --output text`, save: "HASH"},
	{command: `aws ssm put-resource-policy --resource-arn $ARN --policy file://$DIR/share.json --policy-id $POLICY --policy-hash $HASH --query PolicyHash --output text`, save: "NEXT"},
	{command: `aws ssm delete-resource-policy --resource-arn $ARN --policy-id $POLICY --policy-hash $HASH`, fails: "ResourcePolicyConflictException"},
	{command: `aws ssm delete-resource-policy --resource-arn $ARN --policy-id $POLICY --policy-hash $NEXT`},
	{command: `aws ssm delete-parameter --name /app/db/host`},
	{command: `aws ssm delete-parameters --names /app/db/host /app/db/password --query '[DeletedParameters,InvalidParameters][]' --output text`, want: "/app/db/password\t/app/db/host"},
	{command: `aws ssm get-parameter --name /app/db/password`, fails: "ParameterNotFound"},
}

var secretsManagerSteps = []step{
	{command: `aws secretsmanager create-secret --name app/db --description 'a database' --secret-string '{"user":"app","password":"x"}' --tags Key=team,Value=data --query ARN --output text`, save: "ARN"},
	{command: `aws secretsmanager create-secret --name app/db --secret-string other`, fails: "ResourceExistsException"},
	{command: `aws secretsmanager describe-secret --secret-id app/db --query '[Name,Description,Tags[0].Value]' --output text`, want: "app/db\ta database\tdata"},
	{command: `aws secretsmanager get-secret-value --secret-id $ARN --query SecretString --output text`, want: `{"user":"app","password":"x"}`},
	{command: `aws secretsmanager list-secrets --filters Key=name,Values=app/db --query 'SecretList[].Name' --output text`, want: "app/db"},
	{command: `aws secretsmanager batch-get-secret-value --secret-id-list app/db $ARN none --query '[length(SecretValues),Errors[].ErrorCode][]' --output text`, want: "2\tResourceNotFoundException"},
	{command: `aws secretsmanager batch-get-secret-value --filters Key=name,Values=app/ --query 'SecretValues[].Name' --output text`, want: "app/db"},
	{command: `aws secretsmanager tag-resource --secret-id app/db --tags Key=stage,Value=prod Key=owner,Value=ana`},
	{command: `aws secretsmanager untag-resource --secret-id app/db --tag-keys team owner`},
	{command: `aws secretsmanager describe-secret --secret-id app/db --query 'Tags[].[Key,Value]' --output text`, want: "stage\tprod"},
	{command: `aws secretsmanager update-secret --secret-id app/db --description 'the database' --query Name --output text`, want: "app/db"},
	{command: `aws secretsmanager describe-secret --secret-id app/db --query Description --output text`, want: "the database"},
	{command: `echo '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}' | tr -d '\n' > $DIR/policy.json`},
	{command: `aws secretsmanager validate-resource-policy --secret-id app/db --resource-policy file://$DIR/policy.json --query PolicyValidationPassed`, want: "true"},
	{command: `aws secretsmanager put-resource-policy --secret-id app/db --resource-policy file://$DIR/policy.json --block-public-policy --query Name --output text`, want: "app/db"},
	{command: `aws secretsmanager get-resource-policy --secret-id app/db --query ResourcePolicy --output text | tr -d '\n' | cmp - $DIR/policy.json`},
	{command: `sed 's/"000000000000"/"*"/' $DIR/policy.json > $DIR/public.json`},
	{command: `aws secretsmanager validate-resource-policy --resource-policy file://$DIR/public.json --query 'ValidationErrors[].ErrorMessage' --output text`, want: "This resource policy grants broad access to your secret."},
	{command: `aws secretsmanager put-resource-policy --secret-id app/db --resource-policy file://$DIR/public.json --block-public-policy`, fails: "PublicPolicyException"},
	{command: `aws secretsmanager put-resource-policy --secret-id app/db --resource-policy '{}'`, fails: "MalformedPolicyDocumentException"},
	{command: `aws secretsmanager delete-resource-policy --secret-id app/db --query Name --output text`, want: "app/db"},
	{command: `aws secretsmanager get-resource-policy --secret-id app/db --query ResourcePolicy`, want: "null"},
	{command: `aws secretsmanager delete-secret --secret-id app/db --recovery-window-in-days 7 --query Name --output text`, want: "app/db"},
	{command: `aws secretsmanager get-secret-value --secret-id app/db`, fails: "InvalidRequestException"},
	{command: `aws secretsmanager restore-secret --secret-id app/db --query Name --output text`, want: "app/db"},
	{command: `aws secretsmanager get-secret-value --secret-id app/db --query 'VersionStages[0]' --output text`, want: "AWSCURRENT"},
	{command: `aws secretsmanager delete-secret --secret-id app/db --force-delete-without-recovery`},
	{command: `aws secretsmanager get-secret-value --secret-id app/db`, fails: "ResourceNotFoundException"},
	{command: `aws secretsmanager get-random-password --password-length 40 --exclude-punctuation --query 'length(RandomPassword)'`, want: "40"},
	{command: `aws secretsmanager delete-secret --secret-id app/db --recovery-window-in-days 3`, fails: "InvalidParameterException"},
}

var secretVersionSteps = []step{
	{command: `printf '\000\377binary' > $DIR/binary`},
	{command: `aws secretsmanager create-secret --name turns --secret-binary fileb://$DIR/binary --query VersionId --output text`, save: "V1"},
	{command: `aws secretsmanager get-secret-value --secret-id turns --query SecretBinary --output text | base64 -d | cmp - $DIR/binary`},
	{command: `aws secretsmanager put-secret-value --secret-id turns --secret-string two --query VersionId --output text`, save: "V2"},
	{command: `aws secretsmanager get-secret-value --secret-id turns --version-stage AWSPREVIOUS --query "VersionId == '$V1'"`, want: "true"},
	{command: `aws secretsmanager list-secret-version-ids --secret-id turns --query "Versions[?VersionId=='$V2'].VersionStages[]" --output text`, want: "AWSCURRENT"},
	{command: `aws secretsmanager update-secret-version-stage --secret-id turns --version-stage AWSCURRENT --move-to-version-id $V1 --remove-from-version-id $V2 --query Name --output text`, want: "turns"},
	{command: `aws secretsmanager get-secret-value --secret-id turns --query "VersionId == '$V1'"`, want: "true"},
	{command: `aws secretsmanager get-secret-value --secret-id turns --version-id $V2 --query SecretString --output text`, want: "two"},
	{command: `aws secretsmanager update-secret --secret-id turns --secret-string three --query VersionId --output text`},
	{command: `aws secretsmanager get-secret-value --secret-id turns --query SecretString --output text`, want: "three"},
}

var replicationSteps = []step{
	{command: `aws kms create-key --region eu-central-1 --query KeyMetadata.Arn --output text`, save: "KEY"},
	{command: `aws secretsmanager create-secret --name copied --secret-string one --add-replica-regions Region=eu-west-3 --query 'ReplicationStatus[].Region' --output text`, want: "eu-west-3"},
	{command: `aws secretsmanager replicate-secret-to-regions --secret-id copied --add-replica-regions Region=eu-central-1,KmsKeyId=$KEY --query 'ReplicationStatus[].Region' --output text`, want: "eu-central-1\teu-west-3"},
	{command: `aws secretsmanager replicate-secret-to-regions --secret-id copied --add-replica-regions Region=eu-nowhere-9`, fails: "InvalidParameterException"},
	{command: `aws secretsmanager put-secret-value --secret-id copied --secret-string two`},
	{command: `until aws secretsmanager describe-secret --secret-id copied --query 'ReplicationStatus[].Status' --output text | grep -q '^InSync.InSync$'; do :; done`},
	{command: `aws --region eu-central-1 secretsmanager get-secret-value --secret-id copied --query SecretString --output text`, want: "two"},
	{command: `aws --region eu-central-1 secretsmanager put-secret-value --secret-id copied --secret-string three`, fails: "InvalidParameterException"},
	{command: `aws secretsmanager delete-secret --secret-id copied`, fails: "InvalidParameterException"},
	{command: `aws --region eu-central-1 secretsmanager stop-replication-to-replica --secret-id copied`},
	{command: `aws --region eu-central-1 secretsmanager put-secret-value --secret-id copied --secret-string three`},
	{command: `aws secretsmanager remove-regions-from-replication --secret-id copied --remove-replica-regions eu-west-3 --query ReplicationStatus`, want: "[]"},
	{command: `aws secretsmanager delete-secret --secret-id copied --query Name --output text`, want: "copied"},
}

var rotationSteps = []step{
	{command: `aws secretsmanager create-secret --name turned --secret-string '{"user":"app","password":"x"}' --query VersionId --output text`, save: "V1"},
	{command: `aws secretsmanager rotate-secret --secret-id turned`, fails: "InvalidRequestException"},
	{command: `aws secretsmanager rotate-secret --secret-id turned --rotation-lambda-arn ` + goFunction + `-2`, fails: "AccessDeniedException"},
	{command: `aws secretsmanager rotate-secret --secret-id turned --rotation-lambda-arn ` + goFunction + ` --rotation-rules '{"ScheduleExpression":"rate(3 hours)"}'`, fails: "InvalidParameterException"},
	{command: `aws secretsmanager rotate-secret --secret-id turned --rotation-lambda-arn ` + goFunction + ` --rotation-rules AutomaticallyAfterDays=30 --query VersionId --output text`, save: "V2"},
	{command: `until [ "$(aws secretsmanager describe-secret --secret-id turned --query LastRotatedDate)" != null ]; do :; done`},
	{command: `aws secretsmanager get-secret-value --secret-id turned --query "VersionId == '$V2'"`, want: "true"},
	{command: `aws secretsmanager get-secret-value --secret-id turned --version-stage AWSPREVIOUS --query "VersionId == '$V1'"`, want: "true"},
	{command: `aws secretsmanager describe-secret --secret-id turned --query '[RotationEnabled,RotationRules.AutomaticallyAfterDays]' --output text`, want: "True\t30"},
	{command: `aws secretsmanager list-secrets --filters Key=name,Values=turned --query 'SecretList[].RotationEnabled' --output text`, want: "True"},
	{command: `aws secretsmanager cancel-rotate-secret --secret-id turned --query Name --output text`, want: "turned"},
	{command: `aws secretsmanager describe-secret --secret-id turned --query '[RotationEnabled,NextRotationDate]' --output text`, want: "False\tNone"},
}

var identitySteps = []step{
	{command: `aws sts get-caller-identity --query '[Account,Arn]' --output text`, want: "000000000000\tarn:aws:iam::000000000000:root"},
	{command: `AWS_SECRET_ACCESS_KEY=wrong aws kms list-keys`, fails: "InvalidSignatureException"},
	{command: `AWS_SECRET_ACCESS_KEY=wrong aws ssm describe-parameters`, fails: "InvalidSignatureException"},
	{command: `AWS_SECRET_ACCESS_KEY=wrong aws sts get-caller-identity`, fails: "SignatureDoesNotMatch"},
	{command: `AWS_ACCESS_KEY_ID=AKIAUNKNOWNUNKNOWN00 aws kms list-keys`, fails: "UnrecognizedClientException"},
	{command: `AWS_ACCESS_KEY_ID=AKIAUNKNOWNUNKNOWN00 aws sts get-caller-identity`, fails: "InvalidClientTokenId"},
	{command: `AWS_SESSION_TOKEN=made-up aws kms list-keys`, fails: "UnrecognizedClientException"},
	// A region is its own place, as at AWS, and any is served.
	{command: `aws --region eu-central-1 ssm put-parameter --name here --value there --type String --query Version`, want: "1"},
	{command: `aws --region eu-west-1 ssm get-parameter --name here`, fails: "ParameterNotFound"},
	{command: `aws --region eu-central-1 ssm get-parameter --name here --query Parameter.Value --output text`, want: "there"},
	// What is not served yet says so, and names itself.
	{command: `aws kms describe-custom-key-stores`, fails: "NotImplemented"},
}
