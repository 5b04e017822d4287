package live

import (
	"context"
	"fmt"
	"maps"

	"github.com/mfalab/mfalab/sim"
)

// RootName is what the account's root user is called among the lab's access keys.
const RootName = "root"

// Root gives the account's root user an access key, the same whenever it is asked for, and enrols a fob for it where a
// serial number is given: what only the root user may do, such as deleting versions under MFA delete, takes both. The real
// service has the console alone for enrolling root's devices.
func (l *Lab) Root(ctx context.Context, serial string) (Key, error) {
	if serial != "" {
		if err := l.enrolAs(ctx, "signin", serial); err != nil {
			return Key{}, err
		}
	}
	keys, err := l.Credentials(ctx)
	if err != nil {
		return Key{}, err
	}
	if k, ok := keys.Users[RootName]; ok {
		return k, nil
	}
	if err := l.handOut(ctx, RootName); err != nil {
		return Key{}, err
	}
	if keys, err = l.Credentials(ctx); err != nil || l.opt.Ephemeral {
		return keys.Users[RootName], err
	}
	l.saving.Lock()
	defer l.saving.Unlock()
	f, err := encode(credentialsFile, keys)
	if err == nil {
		err = l.files.put(f)
	}
	if err != nil {
		return Key{}, unstored(err)
	}
	return keys.Users[RootName], nil
}

// handOut makes an access key for a user, or for root.
func (l *Lab) handOut(ctx context.Context, user string) error {
	var params []string
	if user != RootName {
		params = []string{"UserName", user}
	}
	made, err := l.asRoot(ctx, "CreateAccessKey", params...)
	if err != nil {
		return err
	}
	key, ok := made.(interface{ Credential() (id, secret string) })
	if !ok {
		return fmt.Errorf("an access key was asked for and %T came", made)
	}
	return l.Do(ctx, func(*sim.World) error {
		id, secret := key.Credential()
		l.credents.Users = maps.Clone(l.credents.Users)
		l.credents.Users[user] = Key{id, secret}
		return nil
	})
}
