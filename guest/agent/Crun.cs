using System.Globalization;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>The OCI runtime in the guest.</summary>
internal sealed class Crun(Reaper reaper)
{
    private const string Program = "/bin/crun";
    private const int MaxLogBytes = 4096;

    /// <summary>Runs it; output and input are those given.</summary>
    /// <exception cref="AgentException">It failed; the message is its own.</exception>
    public async Task RunAsync(string folder, (int In, int Out, int Error) standard, params string[] arguments)
    {
        var log = Path.Combine(folder, "crun.log");
        File.Delete(log);
        var status = await reaper.RunAsync(new([Program, $"--log={log}", "--root=/run/crun", "--cgroup-manager=cgroupfs", .. arguments]) { Standard = standard }).ConfigureAwait(false);
        if (status != 0)
        {
            throw new AgentException(GuestErrorCode.Unavailable, $"crun {arguments[0]}: {Message(log, status)}");
        }
    }

    /// <summary>Runs what gives a process, with its pid from the file that the runtime writes.</summary>
    public async Task<int> PidAsync(string folder, string name, (int In, int Out, int Error) standard, params string[] arguments)
    {
        var file = Path.Combine(folder, name + ".pid");
        File.Delete(file);
        await RunAsync(folder, standard, [arguments[0], $"--pid-file={file}", .. arguments[1..]]).ConfigureAwait(false);
        return int.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture);
    }

    private static string Message(string log, int status)
    {
        if (!File.Exists(log))
        {
            return $"exit status {status.ToString(CultureInfo.InvariantCulture)}";
        }

        var text = File.ReadAllText(log).Trim();
        return text[^Math.Min(text.Length, MaxLogBytes)..];
    }
}
