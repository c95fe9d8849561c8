// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

// AWSAccount stands in the ARNs of the policies that AWS manages in the place of an
// account: arn:aws:iam::aws:policy/AdministratorAccess.
const AWSAccount = "aws"

// awsManaged are the AWS managed policies that there are here, by ARN.
var awsManaged = map[string]string{
	"arn:aws:iam::aws:policy/AdministratorAccess": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
}
