using System.Globalization;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>A caller's descriptor for input, copied to a process until its end.</summary>
internal sealed class ClientInput : IDisposable
{
    private const int PieceBytes = 16 * 1024;
    private readonly SafeFd _source;
    private readonly CancellationTokenSource _stopped = new();

    private ClientInput(SafeFd source)
    {
        _source = source;
        source.SetNonBlocking();
    }

    /// <summary>Opens a copy of the descriptor; null where there is none.</summary>
    public static ClientInput? Open(StdioEndpoint endpoint) => Endpoints.Open(endpoint, forWriting: false) is { } source ? new(source) : null;

    /// <summary>Copies, lets go of the descriptor, and tells the end of input if there was one; never fails.</summary>
    /// <param name="sendAsync">Takes a piece.</param>
    /// <param name="endAsync">Takes the end.</param>
    /// <param name="log">For what ended it otherwise.</param>
    public async Task CopyAsync(Func<ReadOnlyMemory<byte>, CancellationToken, Task> sendAsync, Func<CancellationToken, Task> endAsync, IPluginLog log)
    {
        var buffer = new byte[PieceBytes];
        try
        {
            while (await _source.ReadAsync(buffer, _stopped.Token).ConfigureAwait(false) is > 0 and var count)
            {
                await sendAsync(buffer.AsMemory(0, count), _stopped.Token).ConfigureAwait(false);
            }

            await endAsync(_stopped.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or RuntimeException or LinuxException)
        {
            log.Write(PluginLogLevel.Debug, string.Create(CultureInfo.InvariantCulture, $"standard input of a process in the guest ended: {e.Message}"));
        }
        finally
        {
            Dispose();
        }
    }

    /// <summary>Nobody reads any more: ends the copy.</summary>
    public void Stop() => _stopped.Cancel();

    public void Dispose() => _source.Dispose();
}
