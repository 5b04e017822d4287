package iam

// unbound forgets that h, of the user or role with that ID, has a permissions boundary.
func (o *operating) unbound(id string, h *holding) error {
	if h.Boundary == "" {
		return nil
	}
	arn := h.Boundary
	h.Boundary = ""
	return o.Delete(kindUsage, usageKey(arn, boundaryUse, id))
}
