# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

# Who may read what main.tf makes: a user by a key, a function by its role, and a pipeline
# that has no key at all.

resource "aws_iam_policy" "read" {
  name        = "terraform-read"
  path        = "/terraform/"
  description = "reads parameters"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "ssm:GetParameter*"
      Resource = "arn:aws:ssm:*:*:parameter/terraform/${var.value}*"
    }]
  })
  tags = {
    "value${var.value}" = "there"
  }
}

resource "aws_iam_user" "ops" {
  name                 = "terraform-ops"
  path                 = "/terraform/"
  force_destroy        = true
  permissions_boundary = var.value == "1" ? null : aws_iam_policy.read.arn
  tags = {
    team                = "data"
    "value${var.value}" = "there"
  }
}

resource "aws_iam_access_key" "ops" {
  user   = aws_iam_user.ops.name
  status = var.value == "1" ? "Active" : "Inactive"
}

resource "aws_iam_user_policy_attachment" "ops" {
  user       = aws_iam_user.ops.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_group" "team" {
  name = "terraform-team"
  path = "/value${var.value}/"
}

resource "aws_iam_group_membership" "team" {
  name  = "terraform-team"
  group = aws_iam_group.team.name
  users = [aws_iam_user.ops.name]
}

resource "aws_iam_openid_connect_provider" "pipeline" {
  url             = "https://token.actions.githubusercontent.com"
  client_id_list  = ["sts.amazonaws.com", "client${var.value}"]
  thumbprint_list = ["${var.value}938fd4d98bab03faadb97b34396831e3780aea1"]
  tags = {
    "value${var.value}" = "there"
  }
}

resource "aws_iam_role" "function" {
  name                  = "terraform-function"
  path                  = "/terraform/"
  description           = "changes with ${var.value}"
  force_detach_policies = true
  max_session_duration  = var.value == "1" ? 3600 : 7200
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "lambda.amazonaws.com" }
        Action    = "sts:AssumeRole"
      },
      {
        Effect    = "Allow"
        Principal = { AWS = aws_iam_user.ops.arn }
        Action    = ["sts:AssumeRole", "sts:TagSession"]
        Condition = { StringEquals = { "sts:ExternalId" = "value${var.value}" } }
      },
      {
        Effect    = "Allow"
        Principal = { Federated = aws_iam_openid_connect_provider.pipeline.arn }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = { StringLike = { "token.actions.githubusercontent.com:sub" = "repo:coffer/*" } }
      },
    ]
  })
  tags = {
    "value${var.value}" = "there"
  }
}

resource "aws_iam_role_policy" "function" {
  name = "terraform-inline"
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*"
      Condition = { StringEquals = { "aws:ResourceTag/value${var.value}" = "there" } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "function" {
  role       = aws_iam_role.function.name
  policy_arn = aws_iam_policy.read.arn
}

data "aws_iam_role" "function" {
  name       = aws_iam_role.function.name
  depends_on = [aws_iam_role.function]
}

output "iam" {
  value = {
    role    = data.aws_iam_role.function.arn
    session = data.aws_iam_role.function.max_session_duration
    members = aws_iam_group_membership.team.users
    group   = aws_iam_group.team.arn
    clients = sort(aws_iam_openid_connect_provider.pipeline.client_id_list)
  }
}
