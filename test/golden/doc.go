// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package golden holds pairs of requests and answers: what each operation answers when it
// succeeds, and with each error that AWS's model has for it.
//
// There is one file an operation, secretsmanager/CreateSecret.http, whose cases are sent
// to one server one after another:
//
//	### the name is in use: ResourceExistsException
//	given secretsmanager.CreateSecret {"Name": "db", "ClientRequestToken": "..."}
//
//	POST / HTTP/1.1
//	X-Amz-Target: secretsmanager.CreateSecret
//	Content-Type: application/x-amz-json-1.1
//
//	{"Name": "db", "ClientRequestToken": "..."}
//
//	HTTP/1.1 400 Bad Request
//	...
//
// A title ends with the code of the error, if it is one. The clock stands still. The caller
// is root, unless a header Authorization names somebody else: a user of a line given,
// "nobody", who does not sign, "forger" and "stranger", who sign with a wrong and with an
// unknown key, or "root in REGION". Before the request, lines that begin with given make
// what it needs:
//
//	given TARGET JSON         a call that succeeds
//	given 100 TARGET JSON     the same so many times, with <n> for the number
//	given user NAME ACTIONS   a user who may do that; none, if there are none
//	given disabled KEY        the KMS key is switched off
//	given clock DURATION      the clock goes on
//	given later               what calls left to be done is done
//
// What is random is a placeholder, such as <suffix 1>, in answers, and the value behind it
// in the requests after them. The flag -update writes the answers anew; whoever uses it
// holds what changed against AWS's documentation.
package golden
