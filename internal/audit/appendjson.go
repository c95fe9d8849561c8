// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import "time"

// AppendJSON appends the event to b as one JSON object and returns the extended
// slice. The object is on one line, pure in what it holds: valid UTF-8, and no
// character that ends a line or steers a terminal. It is shorter than MaxLine by
// more than the chain member, whatever the event holds.
func (e *Event) AppendJSON(b []byte) []byte {
	b = append(b, `{"eventVersion":"`+EventVersion+`","userIdentity":`...)
	b = e.UserIdentity.append(b)
	b = append(b, `,"eventTime":`...)
	b = appendTime(b, e.EventTime)
	b = appendMember(b, `,"eventSource":`, e.EventSource)
	b = appendMember(b, `,"eventName":`, e.EventName)
	b = appendMember(b, `,"awsRegion":`, e.AWSRegion)
	b = appendMember(b, `,"sourceIPAddress":`, e.SourceIPAddress)
	b = appendMember(b, `,"userAgent":`, e.UserAgent)
	b = appendOptional(b, `,"errorCode":`, e.ErrorCode)
	b = appendOptional(b, `,"errorMessage":`, e.ErrorMessage)
	b = append(b, `,"requestParameters":`...)
	b = appendRaw(b, e.RequestParameters, maxParameters, "requestParameters")
	b = append(b, `,"responseElements":`...)
	b = appendRaw(b, e.ResponseElements, maxParameters, "responseElements")
	if len(e.AdditionalEventData) > 0 {
		b = append(b, `,"additionalEventData":`...)
		b = appendRaw(b, e.AdditionalEventData, maxAdditional, "additionalEventData")
	}
	b = appendOptional(b, `,"requestID":`, e.RequestID)
	b = appendMember(b, `,"eventID":`, e.EventID)
	b = append(b, `,"readOnly":`...)
	b = appendBool(b, e.ReadOnly)
	b = appendResources(b, e.Resources)
	if e.EventType == "" {
		b = append(b, `,"eventType":"`+TypeAPICall+`"`...)
	} else {
		b = appendMember(b, `,"eventType":`, e.EventType)
	}
	b = append(b, `,"managementEvent":true`...)
	b = appendOptional(b, `,"recipientAccountId":`, e.RecipientAccountID)
	if len(e.ServiceEventDetails) > 0 {
		b = append(b, `,"serviceEventDetails":`...)
		b = appendRaw(b, e.ServiceEventDetails, maxParameters, "serviceEventDetails")
	}
	b = appendOptional(b, `,"sharedEventID":`, e.SharedEventID)
	b = append(b, `,"eventCategory":"Management"`...)
	if t := e.TLSDetails; t != nil {
		b = appendMember(b, `,"tlsDetails":{"tlsVersion":`, t.TLSVersion)
		b = appendMember(b, `,"cipherSuite":`, t.CipherSuite)
		b = appendMember(b, `,"clientProvidedHostHeader":`, t.ClientProvidedHostHeader)
		b = appendOptional(b, `,"keyExchange":`, t.KeyExchange)
		b = append(b, '}')
	}
	return append(b, '}')
}

func (u *UserIdentity) append(b []byte) []byte {
	b = appendMember(b, `{"type":`, u.Type)
	b = appendOptional(b, `,"principalId":`, u.PrincipalID)
	b = appendARN(b, `,"arn":`, u.ARN)
	b = appendOptional(b, `,"accountId":`, u.AccountID)
	b = appendOptional(b, `,"accessKeyId":`, u.AccessKeyID)
	b = appendOptional(b, `,"userName":`, u.UserName)
	if u.SessionContext != nil {
		b = u.SessionContext.append(append(b, `,"sessionContext":{`...))
	}
	b = appendOptional(b, `,"invokedBy":`, u.InvokedBy)
	b = appendOptional(b, `,"identityProvider":`, u.IdentityProvider)
	return append(b, '}')
}

// append appends the members and the closing brace.
func (s *SessionContext) append(b []byte) []byte {
	if i := s.SessionIssuer; i != nil {
		b = appendMember(b, `"sessionIssuer":{"type":`, i.Type)
		b = appendOptional(b, `,"principalId":`, i.PrincipalID)
		b = appendARN(b, `,"arn":`, i.ARN)
		b = appendOptional(b, `,"accountId":`, i.AccountID)
		b = appendOptional(b, `,"userName":`, i.UserName)
		b = append(b, `},`...)
	}
	if w := s.WebIDFederationData; w != nil {
		b = appendMember(b, `"webIdFederationData":{"federatedProvider":`, w.FederatedProvider)
		b = append(b, `,"attributes":{}},`...)
	}
	b = append(b, `"attributes":{"creationDate":`...)
	b = appendTime(b, s.Attributes.CreationDate)
	b = append(b, `,"mfaAuthenticated":"`...)
	b = appendBool(b, s.Attributes.MFAAuthenticated)
	b = append(b, `"}`...)
	b = appendOptional(b, `,"sourceIdentity":`, s.SourceIdentity)
	return append(b, '}')
}

func appendResources(b []byte, rs []Resource) []byte {
	if len(rs) == 0 {
		return b
	}
	b = append(b, `,"resources":[`...)
	for i, r := range rs[:min(len(rs), maxResources)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(b, `{"accountId":`, r.AccountID)
		b = appendOptional(b, `,"type":`, r.Type)
		b = appendARN(b, `,"ARN":`, r.ARN)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendMember(b []byte, name, value string) []byte {
	return appendString(append(b, name...), value, maxField)
}

func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendMember(b, name, value)
}

func appendARN(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, name...), value, maxARN)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}

// appendTime writes t as CloudTrail does: "2026-01-02T15:04:05Z".
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if year < 0 || year > 9999 { // RFC 3339 has four digits
		year = 0
	}
	b = append(b, '"', digit(year/1000), digit(year/100), digit(year/10), digit(year), '-')
	b = append(b, digit(int(month)/10), digit(int(month)), '-', digit(day/10), digit(day), 'T')
	b = append(b, digit(hour/10), digit(hour), ':', digit(minute/10), digit(minute), ':')
	return append(b, digit(second/10), digit(second), 'Z', '"')
}

func digit(n int) byte { return '0' + byte(n%10) }
