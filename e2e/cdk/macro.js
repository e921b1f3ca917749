// Adds the macro to every stack below a scope, nested stacks included: the
// aspect of docs/frameworks.md.
const cdk = require('aws-cdk-lib');

exports.bind = (scope, environment) =>
  cdk.Aspects.of(scope).add({
    visit(node) {
      if (cdk.Stack.isStack(node)) {
        node.addTransform('PermissionsBoundaryMacro');
        node.addMetadata('PermissionsBoundaryMacro', {
          Environment: environment,
        });
      }
    },
  });
