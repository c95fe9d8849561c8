// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

// iamUserSteps are about users, groups and access keys.
var iamUserSteps = []step{
	{command: `aws iam get-user --query User.Arn --output text`, want: "arn:aws:iam::000000000000:root"},
	{command: `aws iam create-user --user-name cli-ada --path /people/ --tags Key=team,Value=data --query User.Arn --output text`, want: "arn:aws:iam::000000000000:user/people/cli-ada"},
	{command: `aws iam create-user --user-name CLI-ADA`, fails: "EntityAlreadyExists"},
	{command: `aws iam get-user --user-name cli-ada --query 'User.[UserName,Path,Tags[0].Value]' --output text`, want: "cli-ada\t/people/\tdata"},
	{command: `aws iam get-user --user-name cli-none`, fails: "NoSuchEntity"},
	{command: `aws iam list-users --path-prefix /people/ --query 'Users[].UserName' --output text`, want: "cli-ada"},
	{command: `aws iam create-access-key --user-name cli-ada --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text`, save: "KEY"},
	{command: `AWS_ACCESS_KEY_ID=${KEY%	*} AWS_SECRET_ACCESS_KEY=${KEY#*	} aws sts get-caller-identity --query Arn --output text`, want: "arn:aws:iam::000000000000:user/people/cli-ada"},
	{command: `AWS_ACCESS_KEY_ID=${KEY%	*} AWS_SECRET_ACCESS_KEY=${KEY#*	} aws iam list-users`, fails: "AccessDenied"},
	{command: `aws iam list-access-keys --user-name cli-ada --query 'AccessKeyMetadata[].[UserName,Status]' --output text`, want: "cli-ada\tActive"},
	{command: `aws iam get-access-key-last-used --access-key-id ${KEY%	*} --query UserName --output text`, want: "cli-ada"},
	{command: `aws iam update-user --user-name cli-ada --new-user-name cli-augusta`},
	{command: `AWS_ACCESS_KEY_ID=${KEY%	*} AWS_SECRET_ACCESS_KEY=${KEY#*	} aws sts get-caller-identity --query Arn --output text`, want: "arn:aws:iam::000000000000:user/people/cli-augusta"},
	{command: `aws iam update-access-key --user-name cli-augusta --access-key-id ${KEY%	*} --status Inactive`},
	{command: `AWS_ACCESS_KEY_ID=${KEY%	*} AWS_SECRET_ACCESS_KEY=${KEY#*	} aws sts get-caller-identity`, fails: "InvalidClientTokenId"},
	{command: `aws iam create-group --group-name cli-analysts --query Group.Arn --output text`, want: "arn:aws:iam::000000000000:group/cli-analysts"},
	{command: `aws iam add-user-to-group --group-name cli-analysts --user-name cli-augusta`},
	{command: `aws iam update-group --group-name cli-analysts --new-group-name cli-engineers --new-path /people/`},
	{command: `aws iam get-group --group-name cli-engineers --query '[Group.Path,Users[].UserName][]' --output text`, want: "/people/\tcli-augusta"},
	{command: `aws iam list-groups --path-prefix /people/ --query 'Groups[].GroupName' --output text`, want: "cli-engineers"},
	{command: `aws iam list-groups-for-user --user-name cli-augusta --query 'Groups[].GroupName' --output text`, want: "cli-engineers"},
	{command: `aws iam delete-group --group-name cli-engineers`, fails: "DeleteConflict"},
	{command: `aws iam delete-user --user-name cli-augusta`, fails: "DeleteConflict"},
	{command: `aws iam remove-user-from-group --group-name cli-engineers --user-name cli-augusta`},
	{command: `aws iam delete-access-key --user-name cli-augusta --access-key-id ${KEY%	*}`},
	{command: `aws iam delete-group --group-name cli-engineers`},
	{command: `aws iam delete-user --user-name cli-augusta`},
	{command: `aws iam list-users --path-prefix /people/ --query 'length(Users)'`, want: "0"},
}
