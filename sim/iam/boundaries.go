package iam

// boundaryXML is a permissions boundary as answers show it.
type boundaryXML struct {
	PermissionsBoundaryType string
	PermissionsBoundaryArn  string
}

// describeBoundary returns the boundary of h as answers show it, nil where it has none.
func describeBoundary(h *holding) *boundaryXML {
	if h.Boundary == "" {
		return nil
	}
	return &boundaryXML{"Policy", h.Boundary}
}

// boundaryParam returns the ARN in PermissionsBoundary, "" where there is none; it must be that of a managed policy, since an inline
// one cannot be a boundary (access_policies_boundaries). What has the form of no ARN is refused otherwise than one that names
// nothing (both recorded).
func (o *operating) boundaryParam() (string, error) {
	arn := o.param("PermissionsBoundary")
	if arn == "" {
		return "", nil
	}
	if !boundaryPattern.MatchString(arn) {
		return "", o.refuse("InvalidARN", arn)
	}
	p, err := o.managed(o.Tx, arn)
	if err == nil && p == nil {
		err = o.refuse("NoSuchBoundary", arn)
	}
	return arn, err
}

// bind gives h, of the user or role with that ID, a permissions boundary; "" changes nothing.
func (o *operating) bind(id, word string, h *holding, arn string) error {
	if arn == "" {
		return nil
	}
	if err := o.unbound(id, h); err != nil {
		return err
	}
	h.Boundary = arn
	return o.Put(kindUsage, usageKey(arn, boundaryUse, id), []byte(word))
}

// unbound forgets that h, of the user or role with that ID, has a permissions boundary, and the policy that it is used as one.
func (o *operating) unbound(id string, h *holding) error {
	if h.Boundary == "" {
		return nil
	}
	arn := h.Boundary
	h.Boundary = ""
	return o.Delete(kindUsage, usageKey(arn, boundaryUse, id))
}

func (o *operating) putUserBoundary() (any, error) { return o.putBoundary((*operating).userBearer) }

func (o *operating) putRoleBoundary() (any, error) { return o.putBoundary((*operating).roleBearer) }

// putBoundary implements PutUserPermissionsBoundary and PutRolePermissionsBoundary. The policy has to be there; what
// it allows counts from the next call on.
func (o *operating) putBoundary(of func(*operating) (*bearer, error)) (any, error) {
	b, err := of(o)
	if err != nil {
		return nil, err
	}
	arn, err := o.boundaryParam()
	if err != nil {
		return nil, err
	}
	if err := o.bind(b.id, b.word, b.holding, arn); err != nil {
		return nil, err
	}
	return nil, b.save()
}

func (o *operating) deleteUserBoundary() (any, error) {
	return o.deleteBoundary((*operating).userBearer)
}

func (o *operating) deleteRoleBoundary() (any, error) {
	return o.deleteBoundary((*operating).roleBearer)
}

// deleteBoundary implements DeleteUserPermissionsBoundary and DeleteRolePermissionsBoundary. To take a boundary off gives permissions:
// policies that delegate administration deny it (iam:PermissionsBoundary is in its context).
func (o *operating) deleteBoundary(of func(*operating) (*bearer, error)) (any, error) {
	b, err := of(o)
	if err != nil {
		return nil, err
	}
	if b.Boundary == "" {
		return nil, o.refuse("NoBoundary", b.word, b.name)
	}
	if err := o.unbound(b.id, b.holding); err != nil {
		return nil, err
	}
	return nil, b.save()
}
