using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>
/// A helper that has its process id but does not run yet: a shell that waits for a line and then becomes the program. So its id
/// is in the journal, and it is in the pod's cgroup, before it does anything. If the gateway dies first, the pipe ends and
/// the shell with it. Shells keep their id across exec, and their start time (execve(2)).
/// </summary>
internal sealed class HeldProcess : IDisposable
{
    // Shells address descriptors by one digit, so the pipe is 3 and the program's own begin at 4.
    private const string Script = "read -r go <&3 && exec 3<&- && exec \"$0\" \"$@\"";
    private readonly ChildProcess _child;
    private readonly SafeFd _go;

    private HeldProcess(ChildProcess child, SafeFd go)
    {
        (_child, _go) = (child, go);
        Identity = new(child.Pid, PidFd.StartTime(child.Pid));
    }

    public ProcessIdentity Identity { get; }

    /// <summary>Starts it held.</summary>
    /// <param name="command">Its descriptors begin at 4, or are 1 and 2.</param>
    public static HeldProcess Start(Command command)
    {
        var (read, write) = SafeFd.Pipe();
        using (read)
        {
            try
            {
                var path = Executable.Find(command.Path) ?? throw RuntimeException.Unavailable($"{command.Path} is not an executable file");
                return new(
                    ChildProcess.Start(command with
                    {
                        Path = "/bin/sh",
                        Arguments = ["-c", Script, path, .. command.Arguments],
                        Descriptors = new Dictionary<int, SafeFd>(command.Descriptors) { [3] = read },
                        NewSession = true,
                    }),
                    write);
            }
            catch (Exception e) when (e is LinuxException or RuntimeException)
            {
                write.Dispose();
                throw e as RuntimeException ?? RuntimeException.Unavailable(e.Message, e);
            }
        }
    }

    /// <summary>Lets it run.</summary>
    /// <returns>Its end, as an exit status; this process is its parent and reaps it.</returns>
    public Task<int> Release()
    {
        var end = WaitAsync();
        try
        {
            _go.Write("go\n"u8);
        }
        catch (LinuxException)
        {
            // It ended already; its end says how.
        }

        _go.Dispose();
        return end;
    }

    /// <summary>Not released, it ends by itself.</summary>
    public void Dispose()
    {
        if (!_go.IsClosed)
        {
            _go.Dispose();
            _ = WaitAsync();
        }
    }

    private async Task<int> WaitAsync()
    {
        using (_child)
        {
            return await _child.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }
}
