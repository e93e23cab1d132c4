package redisstore

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

// The states of a record.
const (
	pending  = 1
	released = 2
	done     = 3
)

//go:embed claim.lua
var claimSource string

//go:embed settle.lua
var settleSource string

//go:embed order.lua
var orderSource string

//go:embed forget.lua
var forgetSource string

// A Script sends EVALSHA, and EVAL where the server does not know it. It is not changed after this.
var (
	claimScript  = redis.NewScript(claimSource)
	settleScript = redis.NewScript(settleSource)
	orderScript  = redis.NewScript(orderSource)
	forgetScript = redis.NewScript(forgetSource)
)
