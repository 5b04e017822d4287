package iam

import (
	"slices"
	"strings"
)

// maxTags is how many tags a user or a device may have: IAM User Guide, reference_iam-quotas.
const maxTags = 50

// tagsParam returns the call's Tags. No two keys may be equal, whatever their case, and none may begin with the prefix
// that is the service's own.
func (o *operating) tagsParam() ([]Tag, error) { return o.tagsNamed("DuplicateTagKeys") }

// tagsNamed is tagsParam with the ID of the text for two equal keys.
func (o *operating) tagsNamed(duplicate string) ([]Tag, error) {
	tags := tagsIn("Tags", o.Call)
	seen := map[string]bool{}
	for _, t := range tags {
		key := strings.ToLower(t.Key)
		if seen[key] {
			return nil, o.refuse(duplicate)
		}
		seen[key] = true
		if strings.HasPrefix(key, "aws:") {
			return nil, o.refuse("ReservedTagKey")
		}
	}
	sortTags(tags)
	return tags, nil
}

// addTags returns have with the call's Tags in it: one whose key is there already, in whatever case, takes that one's
// place.
func (o *operating) addTags(have []Tag) ([]Tag, error) {
	tags, err := o.tagsParam()
	if err != nil {
		return nil, err
	}
	out := append(withoutTags(have, tags), tags...)
	if len(out) > maxTags {
		return nil, o.refuse("TagLimit")
	}
	sortTags(out)
	return out, nil
}

// removeTags returns have without the keys in the call's TagKeys; a key that is not there is no error.
func (o *operating) removeTags(have []Tag) ([]Tag, error) {
	keys := tagsIn("TagKeys", o.Call)
	return withoutTags(have, keys), nil
}

// withoutTags returns a copy of have without the tags whose keys are in keys, whatever their case.
func withoutTags(have, keys []Tag) []Tag {
	return slices.DeleteFunc(slices.Clone(have), func(t Tag) bool {
		return slices.ContainsFunc(keys, func(k Tag) bool { return strings.EqualFold(k.Key, t.Key) })
	})
}

// sortTags puts tags in the order in which they are listed, page by page.
func sortTags(tags []Tag) {
	slices.SortFunc(tags, func(a, b Tag) int { return strings.Compare(tagOrder(a), tagOrder(b)) })
}

// tagOrder is the order of tags in answers: by key, whatever its case.
func tagOrder(t Tag) string { return strings.ToLower(t.Key) }

// tagsXML is tags in the answer about one thing, nil where it has none.
func tagsXML(tags []Tag) *list[Tag] {
	if len(tags) == 0 {
		return nil
	}
	return &list[Tag]{tags}
}

// listTagsResult answers the operations that list tags.
type listTagsResult struct {
	Tags list[Tag]
	tail
}

// listTags answers with a page of tags, which are in their order.
func (o *operating) listTags(tags []Tag) (any, error) {
	tags, end, err := page(o, tags, tagOrder)
	return listTagsResult{list[Tag]{tags}, end}, err
}

func (o *operating) tagUser() (any, error) { return o.retagUser(o.addTags) }

func (o *operating) untagUser() (any, error) { return o.retagUser(o.removeTags) }

// retagUser changes the tags of the user that the call names.
func (o *operating) retagUser(change func([]Tag) ([]Tag, error)) (any, error) {
	u, err := o.userNamed(o.param("UserName"))
	if err != nil {
		return nil, err
	}
	if u.Tags, err = change(u.Tags); err != nil {
		return nil, err
	}
	return nil, putUser(o.Tx, u)
}

// listUserTags implements ListUserTags.
func (o *operating) listUserTags() (any, error) {
	u, err := o.userNamed(o.param("UserName"))
	if err != nil {
		return nil, err
	}
	return o.listTags(u.Tags)
}
