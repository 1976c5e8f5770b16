using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>
/// Asks CRIU once whether it works with this kernel, and again when its program is another. No pod waits for it: until the answer is
/// there, checkpoints are declared as not there yet.
/// </summary>
internal sealed class CriuLook(TimeProvider clock)
{
    private const string Pending = "CRIU is being tried, which takes a while; ask again in a minute";
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);
    private readonly Lock _lock = new();
    private string? _asked;
    private Task<string?>? _look;

    /// <summary>Adds what is known by now.</summary>
    public async Task<HandlerCheck> AddAsync(HandlerCheck check, CancellationToken cancellationToken)
    {
        if (check is not { Ready: true, CheckpointReason: null })
        {
            return check;
        }

        var look = Begin();
        try
        {
            var reason = await look.WaitAsync(Patience, clock, cancellationToken).ConfigureAwait(false);
            return check with { Features = check.Features with { Checkpoint = reason is null }, CheckpointReason = reason };
        }
        catch (TimeoutException)
        {
            return check with { CheckpointReason = Pending };
        }
    }

    private Task<string?> Begin()
    {
        var stamp = Executable.Find(CriuCheck.Program) is { } path ? KeptCheck.Stamp(path) : "";
        lock (_lock)
        {
            if (_look is null || _asked != stamp)
            {
                (_asked, _look) = (stamp, Task.Run(() => CriuCheck.LookAsync(CancellationToken.None)));
            }

            return _look;
        }
    }
}
