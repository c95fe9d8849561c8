// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

const usage = `Usage: coffer-extension [--version | --help]
       coffer-extension ping             is the agent here ready? Its status says
       coffer-extension exec [--only NAME,NAME...] -- COMMAND [ARG...]

Serves secrets and parameters to the processes of one host, on 127.0.0.1, as the AWS
Parameters and Secrets Lambda Extension does. As /opt/extensions/coffer-extension it
is an extension of a Lambda function; elsewhere it runs until it gets SIGTERM.

  GET  /secretsmanager/get?secretId=ID[&versionId=..][&versionStage=..][&refreshNow=true]
  GET  /systemsmanager/parameters/get?name=NAME[&version=..][&label=..][&withDecryption=true]
  GET  /v1/ID                                        as the AWS Secrets Manager Agent does
  GET  /coffer/v1/batch?secretId=ID&name=NAME..      many at once
  GET  /coffer/v1/changes?since=CURSOR&wait=30s      what has a new version
  POST /coffer/v1/failed?secretId=ID&versionId=..    this version did not work: get another
  GET  /ping, /healthz, /readyz, /metrics

Requests need the header X-Aws-Parameters-Secrets-Token, with the value of AWS_TOKEN,
AWS_SESSION_TOKEN, AWS_CONTAINER_AUTHORIZATION_TOKEN or COFFER_AGENT_TOKEN, or the
content of the file COFFER_AGENT_TOKEN_FILE.

How requests are answered:
  COFFER_CONTRACT               extension, or agent: as the AWS Secrets Manager Agent does
  COFFER_PATH_PREFIX            where the paths of secrets begin (/v1/)
  COFFER_REQUEST_BUDGET         calls to the sources that a caller may cause in a second
                                (50); 0 is any number
  COFFER_SOCKET                 a unix socket to listen on beside the port
  COFFER_METRICS                open: /metrics needs no token

Where secrets come from:
  AWS_REGION                    the region, and so AWS's endpoint
  COFFER_ENDPOINT               another endpoint: a Coffer server. Or AWS_ENDPOINT_URL,
                                or AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_ENDPOINT_URL_SSM,
                                AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL_KMS
  COFFER_CA_FILE                certificate authorities to trust, in PEM. Or AWS_CA_BUNDLE
  COFFER_ACCESS_KEY_ID, COFFER_SECRET_ACCESS_KEY, COFFER_SESSION_TOKEN
                                credentials of a Coffer server, where AWS's are not its
  COFFER_LOGIN                  aws: log in to the Coffer server with the role in AWS
  COFFER_LOGIN_SERVER_ID, COFFER_LOGIN_ROLE, COFFER_LOGIN_STS_ENDPOINT
                                the server's name, the role to get, the STS to sign for
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or
  AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME (EKS), or
  AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI,
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (ECS, EKS), or the role of an EC2 instance
  AWS_EC2_METADATA_DISABLED     true: an EC2 instance is not asked for its role
  AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE
                                another address to ask it at; or IPv6
  DOPPLER_TOKEN                 Doppler's token: doppler:NAME, doppler:PROJECT/CONFIG/NAME
  DOPPLER_PROJECT, DOPPLER_CONFIG
                                the config of doppler:NAME; a service token names its own
  DOPPLER_API_HOST              another host than Doppler's (https://api.doppler.com)
  COFFER_FILE_ROOTS             directories to read files in, with colons between:
                                file:/run/secrets/db, file:/run/secrets/db#password
  VAULT_ADDR, VLE_VAULT_ADDR    Vault or OpenBao: vault:secret/db, vault:database/creds/x.
                                The second comes first
  VAULT_NAMESPACE               its namespace
  VAULT_CACERT                  its certificate authorities, in PEM, or COFFER_CA_FILE's
  VAULT_AUTH_PROVIDER           the path of the auth method (aws, approle, jwt)
  VAULT_AUTH_ROLE               the role to log in as, with AWS or a JWT
  VAULT_IAM_SERVER_ID           the server that an AWS login is meant for
  VAULT_STS_ENDPOINT_REGION     the region of the STS that Vault asks (the global one)
  VAULT_ASSUMED_ROLE_ARN        a role to assume first, and to log in with
  VAULT_ROLE_ID, VAULT_SECRET_ID, VAULT_SECRET_ID_FILE
                                an AppRole's login
  VAULT_JWT, VAULT_JWT_FILE     a JWT to log in with, as a Kubernetes account's
  VAULT_TOKEN, VAULT_TOKEN_FILE a token: no login
  VAULT_TOKEN_EXPIRY_GRACE_PERIOD
                                how long before its end a token is given up (10s)

As Vault's Lambda extension, on 127.0.0.1, where VAULT_ADDR is set:
  VAULT_RUN_MODE                default (proxy and files), proxy, file. If it is not set,
                                the proxy wants the token above, as X-Vault-Token
  VAULT_DEFAULT_CACHE_TTL       how long the proxy may keep answers, such as 15m (0s)
  VAULT_DEFAULT_CACHE_ENABLED   whether it does when a request does not say (false)
  COFFER_VAULT_PROXY_PORT       the proxy's port (8200)
  VAULT_SECRET_PATH, VAULT_SECRET_FILE
                                a secret to write to a file (/tmp/vault/secret.json);
                                others as VAULT_SECRET_PATH_X and VAULT_SECRET_FILE_X

What stands in for a source that is down:
  COFFER_FALLBACK_REGION        another region, with replicas
  COFFER_FALLBACK_ENDPOINT      another endpoint: a Coffer server
  COFFER_FALLBACK_FILE          the last values known, in an encrypted file
  COFFER_FALLBACK_KEY           its key: 32 bytes in base64. Or COFFER_FALLBACK_KEY_FILE
  COFFER_FALLBACK_MAX_AGE       how old a value of the file may be (24h)

How long they are kept:
  SECRETS_MANAGER_TTL           seconds, 300 at most (300); 0 is not at all
  SSM_PARAMETER_STORE_TTL       the same for parameters (300)
  COFFER_SECRETS_TTL            the same with a unit, such as 45m, 24h at most
  COFFER_PARAMETERS_TTL         the same for parameters
  COFFER_STALE                  how long a value may stand in, after its TTL, for a
                                source that is down (1h); 0s is never
  COFFER_ROTATION_DATES         true: a secret ends when its next rotation is due, which
                                DescribeSecret tells
  COFFER_CHANGES                whether a Coffer server is asked what has changed: on, off
                                (on, with COFFER_ENDPOINT)
  COFFER_PREFETCH               what to fetch at the start: prod/db,/prod/api/key,ssm:name

What goes into the environment of the command of exec (exec --help has more):
  COFFER_EXEC_ONLY              the variables to look for references in (all but COFFER_*)
  COFFER_EXEC_TIMEOUT           how long to try to get the values (10s)
  COFFER_AGENT                  the URL of the agent to ask, or off; else the extension of
                                the function, if there is one, and the sources if not

Files that are kept up to date, and removed at the end:
  COFFER_FILES                  PATH=REFERENCE,..: /run/app/db=prod/db#password, with
                                ;mode=0440 (0600), with text around {{resolve:...}}, or
                                =template:/PATH, which coffer-agent renders
  COFFER_ON_CHANGE              what to do after a change: a program with its arguments, or
                                signal:HUP /run/app.pid

And, as the AWS extension has them:
  PARAMETERS_SECRETS_EXTENSION_HTTP_PORT        the port (2773)
  PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED    true or false (true)
  PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE       secrets and parameters kept (1000)
  PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS  connections to a source (3)
  PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL        debug, info, warn, error, none (info)
  SECRETS_MANAGER_TIMEOUT_MILLIS                bound on one fetch (5000); 0 is none
  SSM_PARAMETER_STORE_TIMEOUT_MILLIS            the same for parameters
`
