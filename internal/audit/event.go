// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"time"
)

// EventVersion is the version of CloudTrail's record format that Event follows.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
const EventVersion = "1.11"

// Limits of a record's members, in bytes as written (after escaping). Those of
// CloudTrail are in its record contents reference (see EventVersion); it states none
// for the members bounded by maxField otherwise and by maxARN.
const (
	// maxField bounds userAgent, errorCode, errorMessage and requestID ("maximum
	// size of 1 KB; content exceeding that limit is truncated").
	maxField = 1 << 10
	// maxARN bounds ARNs: 2,048 characters in IAM's data type arnType.
	maxARN = 2 << 10
	// maxParameters bounds requestParameters, responseElements and
	// serviceEventDetails ("maximum size of 100 KB", else omitted).
	maxParameters = 100 << 10
	// maxAdditional bounds additionalEventData ("maximum size of 28 KB", else omitted).
	maxAdditional = 28 << 10
	// maxResources is how many resources a record lists. The largest batch of a
	// bound operation has 20 (BatchGetSecretValue); CloudTrail states no number.
	maxResources = 32
)

// MaxLine is the longest line of a log in bytes, with its chain member and without
// its newline. AppendJSON stays below it whatever an Event holds.
const MaxLine = 512 << 10

// Event types, as CloudTrail names them.
const (
	// TypeAPICall is the event type of a call; it is the default.
	TypeAPICall = "AwsApiCall"
	// TypeServiceEvent is the event type of something that a service did by itself.
	TypeServiceEvent = "AwsServiceEvent"
)

// An Event is one record in CloudTrail's terms, its fields in CloudTrail's order.
// Empty optional members are left out. Strings that are too long are cut, raw JSON
// that is too large or malformed is replaced by a note that says so; see AppendJSON.
type Event struct {
	UserIdentity    UserIdentity `json:"userIdentity"`
	EventTime       time.Time    `json:"eventTime"`       // written in UTC, to the second
	EventSource     string       `json:"eventSource"`     // such as "kms.amazonaws.com"
	EventName       string       `json:"eventName"`       // the operation
	AWSRegion       string       `json:"awsRegion"`       //
	SourceIPAddress string       `json:"sourceIPAddress"` //
	UserAgent       string       `json:"userAgent"`
	ErrorCode       string       `json:"errorCode"`    // optional
	ErrorMessage    string       `json:"errorMessage"` // optional

	// RequestParameters, ResponseElements, AdditionalEventData and
	// ServiceEventDetails are JSON values from which the caller has removed all
	// that is sensitive. The first two are written as null when they are empty.
	RequestParameters   json.RawMessage `json:"requestParameters"`
	ResponseElements    json.RawMessage `json:"responseElements"`
	AdditionalEventData json.RawMessage `json:"additionalEventData"` // optional

	RequestID           string          `json:"requestID"` // optional
	EventID             string          `json:"eventID"`   // a UUID, unique to this record
	ReadOnly            bool            `json:"readOnly"`
	Resources           []Resource      `json:"resources"`          // optional; those after the 32nd are not listed
	EventType           string          `json:"eventType"`          // empty means TypeAPICall
	RecipientAccountID  string          `json:"recipientAccountId"` // optional
	ServiceEventDetails json.RawMessage `json:"serviceEventDetails"`
	SharedEventID       string          `json:"sharedEventID"` // optional
	TLSDetails          *TLSDetails     `json:"tlsDetails"`    // optional
}

// UserIdentity says who made a call. All members but Type are optional.
type UserIdentity struct {
	Type           string          `json:"type"` // "Root", "IAMUser", "AssumedRole", "AWSService", ...
	PrincipalID    string          `json:"principalId"`
	ARN            string          `json:"arn"`
	AccountID      string          `json:"accountId"`
	AccessKeyID    string          `json:"accessKeyId"`
	UserName       string          `json:"userName"`
	SessionContext *SessionContext `json:"sessionContext"`
	InvokedBy      string          `json:"invokedBy"`
	// IdentityProvider is who vouched for a web identity.
	IdentityProvider string `json:"identityProvider"`
}

// SessionContext describes the session of temporary credentials.
type SessionContext struct {
	SessionIssuer       *SessionIssuer       `json:"sessionIssuer"`       // nil for a session of a user's own
	WebIDFederationData *WebIDFederationData `json:"webIdFederationData"` // nil unless a role was assumed with a web identity
	Attributes          SessionAttributes    `json:"attributes"`
	SourceIdentity      string               `json:"sourceIdentity"` // optional
}

// WebIDFederationData says who vouched for the identity that a role was assumed with.
type WebIDFederationData struct {
	FederatedProvider string `json:"federatedProvider"`
}

// SessionIssuer says how a session's credentials were obtained.
type SessionIssuer struct {
	Type        string `json:"type"` // "Root", "IAMUser" or "Role"
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName"`
}

// SessionAttributes are the attributes of a session.
type SessionAttributes struct {
	CreationDate     time.Time `json:"creationDate"`
	MFAAuthenticated bool      `json:"mfaAuthenticated,string"` // CloudTrail writes it as a string
}

// A Resource is one resource that a call was about.
type Resource struct {
	AccountID string `json:"accountId"`
	Type      string `json:"type"` // such as "AWS::KMS::Key"; optional
	ARN       string `json:"ARN"`
}

// TLSDetails describe the connection that a call came by.
type TLSDetails struct {
	TLSVersion               string `json:"tlsVersion"` // such as "TLSv1.3"
	CipherSuite              string `json:"cipherSuite"`
	ClientProvidedHostHeader string `json:"clientProvidedHostHeader"`
	KeyExchange              string `json:"keyExchange"` // such as "X25519MLKEM768"; optional
}
