package otelhook

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// KeyTimes are the times of one key. The zero time leaves out what it stands for.
type KeyTimes struct {
	ID       string    // the label of the key, as configured; never a secret
	Since    time.Time // since when it is in use: truhook.key.age
	NotAfter time.Time // when its validity ends: truhook.credential.expiry, which is negative afterwards
}

// Keys reports the age and the expiry of keys whenever metrics are collected, in seconds as of now: times of a
// provider's credentials, of a client certificate, of a secret that a person has to rotate. keys must be safe for
// concurrent use and must not wait; its panic is recovered and reports nothing. It is an error if keys or now is nil.
func (h *Hook) Keys(keys func() []KeyTimes, now func() time.Time) error {
	if h == nil || h.meter == nil || keys == nil || now == nil {
		return errors.New("otelhook: Keys: a function is nil, or the Hook was not made by New")
	}
	age, err := h.meter.Float64ObservableGauge("truhook.key.age",
		metric.WithUnit("s"), metric.WithDescription("How long a key has been in use."))
	if err != nil {
		return err
	}
	expiry, err := h.meter.Float64ObservableGauge("truhook.credential.expiry",
		metric.WithUnit("s"), metric.WithDescription("How long a key is still valid."))
	if err != nil {
		return err
	}
	_, err = h.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		defer func() { _ = recover() }()
		at := now()
		for _, k := range keys() {
			set := metric.WithAttributes(h.provider, attribute.String("truhook.key.id", k.ID))
			if !k.Since.IsZero() {
				o.ObserveFloat64(age, at.Sub(k.Since).Seconds(), set)
			}
			if !k.NotAfter.IsZero() {
				o.ObserveFloat64(expiry, k.NotAfter.Sub(at).Seconds(), set)
			}
		}
		return nil
	}, age, expiry)
	return err
}
