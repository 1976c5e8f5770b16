using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Shared;

/// <summary>
/// A look at whether pods can run here: callers at the same time share one, and a good answer is kept until a program or the
/// cgroup layout changes.
/// </summary>
internal sealed class KeptCheck(Func<IEnumerable<string>> programs, Func<CancellationToken, Task<HandlerCheck>> look)
{
    private readonly Lock _lock = new();
    private Task<HandlerCheck>? _run;
    private string? _key;
    private HandlerCheck? _last;

    public Task<HandlerCheck> RunAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return _run = _run is null or { IsCompleted: true } ? RunOnceAsync(cancellationToken) : _run;
        }
    }

    private async Task<HandlerCheck> RunOnceAsync(CancellationToken cancellationToken)
    {
        try
        {
            var key = string.Join('\n', programs().Select(Stamp).Concat(CgroupLayout.Detect().Hierarchies.Select(static h => h.MountPoint)));
            if (_last is not { Ready: true } || _key != key)
            {
                (_key, _last) = (key, await look(cancellationToken).ConfigureAwait(false));
            }

            return _last;
        }
        catch (Exception e) when (e is RuntimeException or IOException)
        {
            return _last = new() { Ready = false, Reason = e is RuntimeException ? e.Message : $"the machine cannot be looked at: {e.Message}" };
        }
    }

    private static string Stamp(string path)
    {
        var file = new FileInfo(path);
        return $"{path} {file.Length} {file.LastWriteTimeUtc.Ticks}";
    }
}
