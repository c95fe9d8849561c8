# A function with Coffer's extension as a layer of its own. First:
#   make -C ../../.. dist && (cd ../function && zip ../terraform/function.zip index.mjs)
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "secret" {
  description = "Name of a secret with a JSON object that has a username"
  type        = string
  default     = "prod/db"
}

locals {
  function = "${path.module}/function.zip"
  layer    = "${path.module}/../../../dist/coffer-extension-layer-arm64.zip"
}

data "aws_secretsmanager_secret" "database" {
  name = var.secret
}

resource "aws_lambda_layer_version" "coffer" {
  layer_name               = "coffer-extension"
  filename                 = local.layer
  source_code_hash         = filebase64sha256(local.layer)
  compatible_architectures = ["arm64"]
}

resource "aws_iam_role" "orders" {
  name = "orders"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.orders.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy" "secret" {
  name = "read-its-secret"
  role = aws_iam_role.orders.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = data.aws_secretsmanager_secret.database.arn }]
  })
}

resource "aws_lambda_function" "orders" {
  function_name    = "orders"
  role             = aws_iam_role.orders.arn
  filename         = local.function
  source_code_hash = filebase64sha256(local.function)
  handler          = "index.handler"
  runtime          = "nodejs22.x"
  architectures    = ["arm64"]
  memory_size      = 256
  timeout          = 10
  layers           = [aws_lambda_layer_version.coffer.arn]
  environment {
    variables = {
      SECRET          = var.secret
      COFFER_PREFETCH = var.secret
    }
  }
}
