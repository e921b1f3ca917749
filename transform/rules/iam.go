package rules

const (
	roleType = "AWS::IAM::Role"
	userType = "AWS::IAM::User"
)

// iamRules: of IAM's resource types, only roles and users take a boundary.
// Source: the CloudFormation resource schemas.
func iamRules() map[string]*rule {
	return map[string]*rule{
		roleType: {apply: bindResource, decides: []property{permissionsBoundary}, creates: true},
		userType: {apply: bindResource, decides: []property{permissionsBoundary}, creates: true},
	}
}

// bindResource binds a resource that takes the boundary in its own properties.
func bindResource(in *inspector, r *resource) {
	if s, ok := in.resourceSite(r); ok {
		in.add(s)
	}
}

func (in *inspector) resourceSite(r *resource) (site, bool) {
	return in.site(holder{id: in.id(r.id), typ: r.typ, object: r.Object, props: &r.props, loops: r.loops})
}
