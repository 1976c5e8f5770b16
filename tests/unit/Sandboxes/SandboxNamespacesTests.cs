using Berth.Sandboxes;
using Xunit;

namespace Berth.Tests.Unit.Sandboxes;

public sealed class SandboxNamespacesTests
{
    [Fact]
    public void Remove_AfterAReboot_FindsNothingAndSucceeds()
    {
        using var state = new TempFolder();
        var paths = new SandboxPaths(state.Path);
        new SandboxNamespaces(paths).Remove("0a1b");
        Assert.False(File.Exists(paths.Namespace("0a1b", "net")));
    }
}
