using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>One pod for the tests of what only cgroup v2 has. It is on the node's network: that has no say in them, and costs time.</summary>
public sealed class UnifiedPod(Suite suite) : IAsyncLifetime
{
    private TestPod? _pod;

    public TestPod Pod => _pod!;

    public async ValueTask InitializeAsync()
    {
        if (CgroupFile.Unified)
        {
            _pod = await suite.PodAsync(change: static pod =>
            {
                OnTheNodesNetwork(pod);
                pod.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Node;
            });
        }
    }

    public static void OnTheNodesNetwork(PodSandboxConfig pod) => pod.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;

    /// <summary>
    /// Runs a container among the node's processes, where none ends with the first one; the folder of its cgroup.
    /// </summary>
    public async Task<(string Id, string Cgroup)> StartAsync(ContainerConfig container)
    {
        container.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Node;
        var id = await Pod.StartAsync(container);
        return (id, CgroupFile.Folder(TestCgroups.Container(Pod.Config.Linux.CgroupParent, id)));
    }

    public async ValueTask DisposeAsync()
    {
        if (_pod is not null)
        {
            await _pod.DisposeAsync();
        }
    }
}
