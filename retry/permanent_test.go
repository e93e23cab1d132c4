package retry_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/retry"
)

func TestPermanent_KeepsTheErrorAndItsText(t *testing.T) {
	t.Parallel()
	errDown := errors.New("down")
	err := retry.Permanent(errDown)
	assert.Equal(t, errDown.Error(), err.Error())
	assert.ErrorIs(t, err, errDown)
	assert.True(t, retry.IsPermanent(err))
	assert.False(t, retry.IsPermanent(errDown))
	assert.False(t, retry.IsPermanent(nil))
	assert.NoError(t, retry.Permanent(nil))
}
