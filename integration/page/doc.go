// Package page drives the page of "truhook listen" in a real Chromium.
package page
