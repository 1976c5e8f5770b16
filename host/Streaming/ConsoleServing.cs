using Berth.Abstractions;
using Berth.Streaming.Sessions;

namespace Berth.Streaming;

/// <summary>Runs the session of a console, and tells its client how it ended.</summary>
internal sealed class ConsoleServing(ExecSession exec, AttachSession attach)
{
    /// <summary>The outcome, for the log.</summary>
    public async Task<string> RunAsync(ConsoleTicket ticket, IConsole console)
    {
        var status = await StatusAsync(ticket, console);
        await console.FinishAsync(status);
        return status.Text.Length > 0 ? status.Text : "done";
    }

    private async Task<SessionStatus> StatusAsync(ConsoleTicket ticket, IConsole console)
    {
        try
        {
            return ticket switch
            {
                ExecTicket t => await exec.RunAsync(t, console, console.Gone),
                AttachTicket t => await attach.RunAsync(t, console, console.Gone),
                _ => throw new InvalidOperationException($"{ticket.GetType()} has no console"),
            };
        }
        catch (RuntimeException e)
        {
            return SessionStatus.Failed(e.Message);
        }
    }
}
