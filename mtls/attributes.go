package mtls

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// attributeTypes names the attributes of a subject; where one has several names, the first is printed. "SN" is left
// out: it is the surname to some and the serial number to others.
func attributeTypes() [][2]string {
	return [][2]string{
		{"CN", "2.5.4.3"},
		{"O", "2.5.4.10"},
		{"OU", "2.5.4.11"},
		{"L", "2.5.4.7"},
		{"ST", "2.5.4.8"},
		{"S", "2.5.4.8"},
		{"C", "2.5.4.6"},
		{"street", "2.5.4.9"},
		{"postalCode", "2.5.4.17"},
		{"serialNumber", "2.5.4.5"},
		{"title", "2.5.4.12"},
		{"emailAddress", "1.2.840.113549.1.9.1"},
		{"E", "1.2.840.113549.1.9.1"},
		{"DC", "0.9.2342.19200300.100.1.25"},
		{"UID", "0.9.2342.19200300.100.1.1"},
		{"businessCategory", "2.5.4.15"},
		{"organizationIdentifier", "2.5.4.97"},
		{"jurisdictionL", "1.3.6.1.4.1.311.60.2.1.1"},
		{"jurisdictionST", "1.3.6.1.4.1.311.60.2.1.2"},
		{"jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3"},
	}
}

// typeName returns the name of an attribute type, or "" if it has none here.
func typeName(oid string) string {
	for _, t := range attributeTypes() {
		if t[1] == oid {
			return t[0]
		}
	}
	return ""
}

// attributeType returns the dotted numbers of a type that is given by name or by number.
func attributeType(text string) (string, error) {
	for _, t := range attributeTypes() {
		if lowerASCII(t[0]) == lowerASCII(text) {
			return t[1], nil
		}
	}
	if !strings.Contains(text, ".") {
		return "", fmt.Errorf("unknown attribute type %.40q", text)
	}
	var oid asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(arc)
		if err != nil || strconv.Itoa(n) != arc {
			return "", fmt.Errorf("attribute type %.40q is not a number", text)
		}
		oid = append(oid, n)
	}
	// Only what can stand in a certificate is a type: encoding it and decoding it again says so.
	der, err := asn1.Marshal(oid)
	var back asn1.ObjectIdentifier
	if err == nil {
		_, err = asn1.Unmarshal(der, &back)
	}
	if err != nil {
		return "", errors.New("an attribute type has an impossible number")
	}
	return oid.String(), nil
}
