package fleettest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// change is what an update does to a resource. Source of its shape:
// CloudFormation API, ResourceChange, and descriptions that LocalStack's tests
// have recorded on AWS.
type change struct {
	action        string // Add, Modify, Remove or SyncWithActual
	logicalID     string
	physicalID    string // empty for Add
	kind          string // the resource type
	replacement   string // of Modify: True or False
	policyAction  string // what becomes of the resource, if it is removed or replaced
	details       []detail
	before, after map[string]any // attributes, with Properties, evaluated; nil for none
	nested        *changeSet     // of a nested stack

	drift    string         // ResourceDriftStatus in a drift-aware change set
	previous map[string]any // there: as it was deployed
}

// detail is a change of an attribute or a property.
type detail struct {
	attribute     string // such as Properties
	name          string // of the property
	changeType    string // Add, Modify, Remove or SyncWithActual
	recreation    string // Never, Always
	before, after any    // nil for none
	source        string // such as DirectModification
	causingEntity string
	isDynamic     bool

	drift *propertyDrift // in a drift-aware change set
}

// path is where the change is in the resource. AWS's descriptions go no deeper
// than the property.
func (d detail) path() string {
	if d.name == "" {
		return "/" + d.attribute
	}
	return "/" + d.attribute + "/" + d.name
}

// scope are the attributes that a change changes.
func (c change) scope() []string {
	attributes := map[string]bool{}
	for _, d := range c.details {
		attributes[d.attribute] = true
	}
	return slices.Sorted(maps.Keys(attributes))
}

// recreated are the properties of which a change replaces the resource. Source:
// CloudFormation's template reference, "Update requires: Replacement".
var recreated = map[string][]string{
	roleType:                  {"RoleName", "Path"},
	userType:                  {"UserName"},
	policyType:                {"ManagedPolicyName", "Path", "Description"},
	"AWS::DynamoDB::Table":    {"TableName"},
	"AWS::Lambda::Function":   {"FunctionName"},
	"AWS::Logs::LogGroup":     {"LogGroupName"},
	"AWS::S3::Bucket":         {"BucketName"},
	"AWS::SNS::Topic":         {"TopicName", "FifoTopic"},
	"AWS::SQS::Queue":         {"QueueName", "FifoQueue"},
	"AWS::SSM::Parameter":     {"Name"},
	"AWS::EC2::Instance":      {"ImageId", "SubnetId"},
	"AWS::EC2::SecurityGroup": {"GroupName", "GroupDescription", "VpcId"},
}

// recreation says whether a change of a property replaces the resource.
func recreation(kind, property string) string {
	if slices.Contains(recreated[kind], property) {
		return "Always"
	}
	return "Never"
}

// taggable are types whose resources get the tags of their stack.
var taggable = []string{
	roleType, userType, stackType, "AWS::DynamoDB::Table", "AWS::EC2::Instance", "AWS::EC2::SecurityGroup",
	"AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::SSM::Parameter",
}

// compare finds the changes that a change set makes, and the stack after it.
func (a *Account) compare(region string, c *changeSet) error {
	err := checkCapabilities([]byte(c.after.Processed), c.in.capabilities)
	if err != nil {
		return err
	}
	if c.roles, c.after.Resources, err = a.roleChanges(region, c.before, c.after); err != nil {
		return err
	}
	before, err := a.side(region, c.before, c.before.Resources)
	if err != nil {
		return err
	}
	unknown := map[string]bool{} // what is replaced has no physical ID yet
	for {
		after, err := a.side(region, c.after, surviving(c.before.Resources, unknown))
		if err != nil {
			return err
		}
		if c.changes, err = c.compareResources(before, after); err != nil {
			return err
		}
		c.changesMore = !reflect.DeepEqual(before.outputs, after.outputs) || !slices.Equal(c.before.Tags, c.after.Tags)
		known := len(unknown)
		for _, ch := range c.changes {
			if ch.replacement == "True" {
				unknown[ch.logicalID] = true
			}
		}
		if len(unknown) == known {
			break
		}
	}
	if c.in.revertsDrift {
		a.compareWithActual(c)
	}
	return nil
}

func surviving(resources []Resource, unknown map[string]bool) []Resource {
	return slices.DeleteFunc(slices.Clone(resources), func(r Resource) bool { return unknown[r.LogicalID] })
}

// side is a stack before or after an update.
type side struct {
	resources  map[string]resourceSide // by logical ID; without those whose condition does not hold
	parameters map[string]string
	outputs    any // evaluated
}

// resourceSide is a resource of a side.
type resourceSide struct {
	templateResource
	physicalID string
	attributes map[string]any // evaluated
}

// side evaluates a stack, whose existing resources have physical IDs.
func (a *Account) side(region string, s Stack, existing []Resource) (side, error) {
	t, err := s.template()
	if err != nil {
		return side{}, err
	}
	e := a.evaluation(region, s.Parameters, t.Conditions)
	e.pseudo["AWS::StackName"], e.pseudo["AWS::StackId"] = s.Name, s.ID
	for id := range t.Resources {
		e.physical[id] = knownAfterApply
	}
	for _, r := range existing {
		e.physical[r.LogicalID] = r.PhysicalID
	}
	out := side{resources: map[string]resourceSide{}, parameters: e.parameters, outputs: e.resolve(t.Outputs)}
	for id, r := range t.Resources {
		exists, err := e.conditionHolds(r.Condition)
		if err != nil {
			return side{}, err
		}
		if exists {
			out.resources[id] = resourceSide{r, e.physical[id], e.attributes(r)}
		}
	}
	return out, nil
}

// attributes are those of a resource that changes are about.
func (e *evaluation) attributes(r templateResource) map[string]any {
	all := r.attributes()
	for name, value := range all {
		all[name] = e.resolve(value)
	}
	return all
}

// attributes are those of a resource that it has.
func (r templateResource) attributes() map[string]any {
	all := map[string]any{}
	for name, value := range map[string]any{
		"Metadata": r.Metadata, "CreationPolicy": r.CreationPolicy, "UpdatePolicy": r.UpdatePolicy,
		"DeletionPolicy": r.DeletionPolicy, "UpdateReplacePolicy": r.UpdateReplacePolicy,
	} {
		if value != nil {
			all[name] = value
		}
	}
	if r.Properties != nil {
		all["Properties"] = r.Properties
	}
	return all
}

func (r resourceSide) properties() map[string]any {
	all, _ := r.attributes["Properties"].(map[string]any)
	return all
}

// compareResources are the changes of all resources, by logical ID.
func (c *changeSet) compareResources(before, after side) ([]change, error) {
	ids := map[string]bool{}
	for _, s := range []side{before, after} {
		for id := range s.resources {
			ids[id] = true
		}
	}
	var changes []change
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		was, existed := before.resources[id]
		is, exists := after.resources[id]
		switch {
		case existed && exists && was.Type != is.Type:
			return nil, invalid("Update of resource type is not permitted. The new template modifies resource type of the following resources: [%s]", id)
		case !existed:
			changes = append(changes, change{action: "Add", logicalID: id, kind: is.Type, after: is.attributes})
		case !exists:
			changes = append(changes, removal(id, was))
		default:
			causes := func(value any) []detail { return causesOf(value, before.parameters, after) }
			if ch := c.modification(id, was, is, causes); len(ch.details) > 0 {
				changes = append(changes, ch)
			}
		}
	}
	return changes, nil
}

func removal(id string, was resourceSide) change {
	ch := change{action: "Remove", logicalID: id, physicalID: was.physicalID, kind: was.Type, before: was.attributes, policyAction: "Delete"}
	if policy, isText := was.DeletionPolicy.(string); isText && policy != "" {
		ch.policyAction = policy
	}
	return ch
}

// modification is what becomes of a resource that stays; without details when
// nothing does. causes finds why a value changes.
func (c *changeSet) modification(id string, was, is resourceSide, causes func(any) []detail) change {
	ch := change{
		action: "Modify", logicalID: id, physicalID: was.physicalID, kind: is.Type, replacement: "False",
		before: was.attributes, after: is.attributes,
	}
	rawWas, rawIs := was.templateResource.attributes(), is.templateResource.attributes()
	for _, name := range unionOf(rawWas, rawIs) {
		if name != "Properties" {
			ch.details = append(ch.details, differences(detail{attribute: name, recreation: "Never"}, was.attributes, is.attributes, name, rawIs[name], causes)...)
		}
	}
	for _, name := range unionOf(was.properties(), is.properties()) {
		d := detail{attribute: "Properties", name: name, recreation: recreation(is.Type, name)}
		ch.details = append(ch.details, differences(d, was.properties(), is.properties(), name, is.Properties[name], causes)...)
	}
	if slices.Contains(taggable, is.Type) && !slices.Equal(c.before.Tags, c.after.Tags) {
		ch.details = append(ch.details, detail{attribute: "Tags", recreation: "Never", changeType: "Modify", source: "DirectModification"})
	}
	if is.Type == stackType && !c.in.includeNestedStacks {
		ch.details = append(ch.details, detail{attribute: "Properties", recreation: "Never", source: "Automatic", isDynamic: true})
	}
	if slices.ContainsFunc(ch.details, func(d detail) bool { return d.recreation == "Always" }) {
		ch.replacement, ch.policyAction = "True", "ReplaceAndDelete"
	}
	return ch
}

// unionOf are the names of the members of objects, sorted.
func unionOf(objects ...map[string]any) []string {
	names := map[string]any{}
	for _, object := range objects {
		maps.Copy(names, object)
	}
	return slices.Sorted(maps.Keys(names))
}

// differences are the details about a member that is not the same: one for each
// cause. A change that has a cause elsewhere is told twice, as AWS does: as static
// with the cause, and as dynamic without one.
func differences(d detail, before, after map[string]any, name string, raw any, causes func(any) []detail) []detail {
	was, existed := before[name]
	is, exists := after[name]
	switch {
	case reflect.DeepEqual(was, is):
		return nil
	case !existed:
		d.changeType = "Add"
	case !exists:
		d.changeType = "Remove"
	default:
		d.changeType = "Modify"
	}
	d.before, d.after, d.source = was, is, "DirectModification"
	var all []detail
	for _, cause := range causes(raw) {
		caused := d
		caused.source, caused.causingEntity = cause.source, cause.causingEntity
		all = append(all, caused)
	}
	d.isDynamic = len(all) > 0
	return append(all, d)
}

// causesOf are what a value refers to that is not the same before and after:
// parameters, and resources that are replaced or new.
func causesOf(value any, before map[string]string, after side) []detail {
	var causes []detail
	for _, name := range references(value) {
		id, _, isAttribute := strings.Cut(name, ".")
		now, isParameter := after.parameters[name]
		switch {
		case isParameter:
			if before[name] != now {
				causes = append(causes, detail{source: "ParameterReference", causingEntity: name})
			}
		case after.resources[id].physicalID != knownAfterApply:
		case isAttribute:
			causes = append(causes, detail{source: "ResourceAttribute", causingEntity: name})
		default:
			causes = append(causes, detail{source: "ResourceReference", causingEntity: name})
		}
	}
	return causes
}

// textOf is a value as descriptions have it: text as it is, all else in JSON.
func textOf(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
