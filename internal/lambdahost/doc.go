// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

// Package lambdahost runs one AWS Lambda function and its extensions on this
// machine, as one execution environment of Lambda does.
//
// A Host serves the Runtime API, the Extensions API and, under SnapStart, the
// credentials endpoint at one address, and takes the environment through the
// phases that AWS documents:
//
//		cold --INIT--> ready --INVOKE--> ready ... --SHUTDOWN--> closed
//		                 ^        | crash, timeout
//		                 |        v
//		                 +-INIT- reset (SHUTDOWN to the extensions, all processes end)
//
//	  - INIT starts the extensions, then, when all have registered, the runtime, and
//	    ends when all of them have asked for their next event.
//	  - INVOKE hands the event to the runtime and to the extensions that registered
//	    for it, and ends when all of them have asked for the next one.
//	  - A crash or a timeout resets the environment: nothing of it is left running,
//	    and the next Invoke starts everything again within its own time limit.
//	  - SHUTDOWN ends the runtime, tells the extensions why, and kills what is left.
//
// A function or an extension is a command, run in a process group of its own, or a
// Program, a Go function in this process that talks to the same HTTP interface.
// Programs make tests quick and, with NewPipe and testing/synctest, independent of
// real time.
//
// What differs from AWS: there is one environment and no other is added under load;
// nothing confines a process (no memory limit, no read-only file system); a snapshot
// of SnapStart is the living environment itself; the Telemetry and Logs APIs are not
// served.
//
// Sources: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom
// runtimes", "Using the Lambda Extensions API to create extensions", "Understanding
// the Lambda execution environment lifecycle", "Understanding the Lambda Managed
// Instances execution environment", "Implementing SnapStart hooks for container
// images". Where those leave a detail open (error types, the order of checks), the
// host does what AWS's Runtime Interface Emulator was seen to do.
package lambdahost
