package iam

// roleNamed returns the role with that name, whatever its case, or nil where there is none.
func roleNamed(tx Tx, name string) (*Role, error) {
	r := &Role{}
	found, err := get(tx, kindRole, lower(name), r)
	if err != nil || !found {
		return nil, err
	}
	return r, nil
}

// roleWithID returns the role with that ID, or nil where there is none.
func roleWithID(tx Tx, id string) (*Role, error) {
	key, err := tx.Get(kindRoleID, id)
	if err != nil || key == nil {
		return nil, err
	}
	return roleNamed(tx, string(key))
}

// putRole stores r.
func putRole(tx Tx, r *Role) error {
	key := lower(r.Name)
	if err := tx.Put(kindRoleID, r.ID, []byte(key)); err != nil {
		return err
	}
	return put(tx, kindRole, key, r)
}

// arn returns the ARN of r in account.
func (r *Role) arn(account string) string {
	return "arn:aws:iam::" + account + ":role" + r.Path + r.Name
}

// roleNamed returns the role with that name, or NoSuchEntity.
func (o *operating) roleNamed(name string) (*Role, error) {
	r, err := roleNamed(o.Tx, name)
	if err == nil && r == nil {
		err = o.refuse("NoSuchRole", name)
	}
	return r, err
}

// onRole is the role that the call names.
func onRole(o *operating) (target, error) {
	r, t, err := o.roleTarget()
	if r != nil {
		t.set = tagged(r.Tags)
	}
	return t, err
}

// onPoliciedRole is onRole for operations that ask for the role's boundary.
func onPoliciedRole(o *operating) (target, error) {
	r, t, err := o.roleTarget()
	if r != nil {
		t.set = withBoundary(o, r.Tags, r.Boundary)
	}
	return t, err
}

func (o *operating) roleTarget() (*Role, target, error) {
	name := o.param("RoleName")
	r, err := roleNamed(o.Tx, name)
	if err != nil || r == nil {
		return nil, target{arn: o.iamARN("role/" + name), shown: "role " + name}, err
	}
	return r, target{arn: r.arn(o.Service.Account()), shown: "role " + name}, nil
}
