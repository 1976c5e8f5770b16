using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Shared;

/// <summary>
/// A look at whether pods can run here: callers at the same time share one, and a good answer is kept until a program or the
/// cgroup layout changes.
/// </summary>
internal sealed class KeptCheck
{
    private readonly Func<IEnumerable<string>> _programs;
    private readonly Func<CancellationToken, Task<HandlerCheck>> _look;
    private readonly SharedLook _shared;
    private string? _key;
    private HandlerCheck? _last;

    /// <param name="programs">On what the answer depends, beside the cgroup layout.</param>
    /// <param name="look">Looks.</param>
    public KeptCheck(Func<IEnumerable<string>> programs, Func<CancellationToken, Task<HandlerCheck>> look)
    {
        (_programs, _look) = (programs, look);
        _shared = new(RunOnceAsync);
    }

    public Task<HandlerCheck> RunAsync(CancellationToken cancellationToken) => _shared.RunAsync(cancellationToken);

    private async Task<HandlerCheck> RunOnceAsync(CancellationToken cancellationToken)
    {
        try
        {
            var key = string.Join('\n', _programs().Select(Stamp).Concat(CgroupLayout.Detect().Hierarchies.Select(static h => h.MountPoint)));
            if (_last is not { Ready: true } || _key != key)
            {
                (_key, _last) = (key, await _look(cancellationToken).ConfigureAwait(false));
            }

            return _last;
        }
        catch (Exception e) when (e is RuntimeException or IOException)
        {
            return _last = new() { Ready = false, Reason = e is RuntimeException ? e.Message : $"the machine cannot be looked at: {e.Message}" };
        }
    }

    /// <summary>What tells a program from the one that lay there before.</summary>
    public static string Stamp(string path)
    {
        var file = new FileInfo(path);
        return $"{path} {file.Length} {file.LastWriteTimeUtc.Ticks}";
    }
}
