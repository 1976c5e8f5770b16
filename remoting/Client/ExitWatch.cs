using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.Remoting.Client;

/// <summary>Waits for an end in the plugin's process, over as many processes as it takes.</summary>
internal static class ExitWatch
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    public static async Task<ProcessExit> RunAsync(RemoteSandbox sandbox, WireRequest request)
    {
        while (true)
        {
            try
            {
                var process = await sandbox.ProcessAtLastAsync().ConfigureAwait(false);
                var answer = await process.CallAsync(request, sandbox.Handler.Dropped).ConfigureAwait(false);
                return process.Require(answer.Exit, "exit");
            }
            catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotFound)
            {
                return Lost(sandbox, e.Message);
            }
            catch (OperationCanceledException)
            {
                // The handler was dropped: it tells nobody any more, as an object in this process would not.
                return await new TaskCompletionSource<ProcessExit>().Task.ConfigureAwait(false);
            }
            catch (Exception e) when (e is RuntimeException or PluginProcessException)
            {
                await Task.Delay(Pause, sandbox.Handler.Time).ConfigureAwait(false);
            }
        }
    }

    public static ProcessExit Lost(RemoteSandbox sandbox, string reason) =>
        new() { Code = 255, FinishedAt = sandbox.Handler.Time.GetUtcNow(), LostReason = reason };
}
