# Copyright (c) 2026 The Coffer Authors
# SPDX-License-Identifier: Apache-2.0

# What the Go tests beside this directory create, change and destroy with Terraform. The
# provider finds the server, the region and the credentials in the environment.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "value" {
  type = string
}

# The ARN of a rotation function.
variable "function" {
  type = string
}

data "aws_caller_identity" "me" {}

resource "aws_secretsmanager_secret" "db" {
  name                    = "terraform/db"
  description             = "changes with ${var.value}"
  recovery_window_in_days = 0
  tags = {
    team                = "data"
    "value${var.value}" = "there"
  }
  replica {
    region = var.value == "1" ? "eu-west-3" : "eu-north-1"
  }
}

resource "aws_secretsmanager_secret_version" "db" {
  secret_id     = aws_secretsmanager_secret.db.id
  secret_string = jsonencode({ user = "app", password = var.value })
}

resource "aws_secretsmanager_secret_policy" "db" {
  secret_arn = aws_secretsmanager_secret.db.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
      Action    = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
      Resource  = "*"
    }]
  })
}

resource "aws_secretsmanager_secret_rotation" "db" {
  secret_id           = aws_secretsmanager_secret_version.db.secret_id
  rotation_lambda_arn = var.function
  rotate_immediately  = false
  rotation_rules {
    schedule_expression = "rate(${var.value}0 days)"
    duration            = "2h"
  }
}

resource "aws_ssm_parameter" "host" {
  name        = "/terraform/host"
  description = "changes with ${var.value}"
  type        = "String"
  value       = "db-${var.value}.internal"
  tags = {
    team                = "data"
    "value${var.value}" = "there"
  }
}

resource "aws_ssm_parameter" "password" {
  name  = "/terraform/password"
  type  = "SecureString"
  value = "hunter${var.value}"
}

resource "aws_ssm_parameter" "large" {
  name            = "terraform-large"
  type            = "StringList"
  tier            = "Advanced"
  value           = "a,b,${var.value}"
  allowed_pattern = "[a-z0-9]+"
}

data "aws_secretsmanager_secret_version" "db" {
  secret_id  = aws_secretsmanager_secret.db.name
  depends_on = [aws_secretsmanager_secret_version.db]
}

data "aws_ssm_parameter" "password" {
  name       = aws_ssm_parameter.password.name
  depends_on = [aws_ssm_parameter.password]
}

data "aws_ssm_parameters_by_path" "all" {
  path       = "/terraform"
  depends_on = [aws_ssm_parameter.host, aws_ssm_parameter.password]
}

output "values" {
  sensitive = true
  value = {
    secret    = jsondecode(data.aws_secretsmanager_secret_version.db.secret_string).password
    parameter = data.aws_ssm_parameter.password.value
    names     = sort(data.aws_ssm_parameters_by_path.all.names)
    versions  = [aws_ssm_parameter.host.version, aws_ssm_parameter.large.version]
  }
}
