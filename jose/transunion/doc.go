// Package transunion verifies webhooks of TransUnion's TruValidate Multifactor Authentication platform, once iovation
// LaunchKey: a signed token in a header, bound to method, path and body, and a body that is encrypted to a key of
// yours.
//
//	v, err := transunion.New(transunion.Config{
//		Entity:      "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a",
//		Keys:        jose.StaticKeys{{ID: platformID, Key: platformKey}},
//		PrivateKeys: jose.StaticPrivateKeys{{ID: currentID, Key: current}, {ID: retiredID, Key: retired}},
//	})
//
// # What it proves
//
// That who holds the platform's private key vouches for this method, path and body, for this entity, now. It accepts
// RS256, RS384 and RS512 for the token, RSA-OAEP and RSA-OAEP-256 with A256CBC-HS512 for the body, and nothing else. It
// does not prove that a delivery came once: within the life of its token and the leeway, the same bytes verify again.
// Put package idempotency behind it, with [EventID].
//
// # Where the facts come from
//
// From the provider's page "Webhooks" and from its SDKs: launchkey-python 4.0.1, launchkey-java 4.10.0 and
// launchkey-dotnet. They disagree about the header: the page says Authorization: IOV-JWT, the SDKs read X-IOV-JWT.
// Both are taken. The SDKs say that the public platform went offline in May 2023, so nothing here needs to reach it:
// give its keys as files. docs/transunion.md lists what is not settled.
package transunion
