// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// A function with Coffer's extension as a layer of its own: make dist, npm ci, npx cdk deploy.
import * as path from "node:path";
import { App, Duration, Stack } from "aws-cdk-lib";
import * as lambda from "aws-cdk-lib/aws-lambda";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";

const app = new App();
const stack = new Stack(app, "Orders");

const extension = new lambda.LayerVersion(stack, "CofferExtension", {
  layerVersionName: "coffer-extension",
  code: lambda.Code.fromAsset(path.join("..", "..", "..", "dist", "coffer-extension-layer-arm64.zip")),
  compatibleArchitectures: [lambda.Architecture.ARM_64],
});

const secret = Secret.fromSecretNameV2(stack, "Database", "prod/db");

const orders = new lambda.Function(stack, "Function", {
  code: lambda.Code.fromAsset(path.join("..", "function")),
  handler: "index.handler",
  runtime: lambda.Runtime.NODEJS_22_X,
  architecture: lambda.Architecture.ARM_64,
  memorySize: 256,
  timeout: Duration.seconds(10),
  layers: [extension],
  environment: { SECRET: "prod/db", COFFER_PREFETCH: "prod/db" },
});
secret.grantRead(orders);
