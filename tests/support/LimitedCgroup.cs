using System.Text.Json;
using Berth.Linux;

namespace Berth.Tests.Support;

/// <summary>A cgroup with limits, for a process that shall meet them; removed at the end, when it has ended.</summary>
public sealed class LimitedCgroup : IAsyncDisposable
{
    private readonly Cgroups _cgroups = new(CgroupLayout.Detect());
    private readonly string _path = $"/berth-test-{Guid.NewGuid():N}";

    /// <param name="resources"><c>linux.resources</c> of the OCI runtime specification.</param>
    public LimitedCgroup(string resources)
    {
        _cgroups.Create(_path);
        new CgroupLimits(_cgroups.Layout).Apply(_path, JsonElement.Parse(resources));
    }

    public void Enter(int pid)
    {
        if (!_cgroups.Enter(_path, pid))
        {
            throw new InvalidOperationException($"process {pid} is gone");
        }
    }

    public async ValueTask DisposeAsync() => await _cgroups.RemoveAsync(_path, CancellationToken.None);
}
