// The macro's main job, the usual way: loop over the resources, and set the
// boundary of each role.
export function bind(fragment, boundary) {
  for (const resource of Object.values(fragment.Resources)) {
    if (resource.Type === "AWS::IAM::Role") {
      resource.Properties ??= {};
      resource.Properties.PermissionsBoundary = boundary;
    }
  }
  return fragment;
}
