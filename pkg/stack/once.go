package stack

import "sync"

// once is a value that is made at most once, by the first who needs it; a failure is remembered too.
type once[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (o *once[T]) get(first func() (T, error)) (T, error) {
	o.once.Do(func() { o.value, o.err = first() })
	return o.value, o.err
}
