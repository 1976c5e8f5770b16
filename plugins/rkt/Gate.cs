using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>
/// A command that waits before it begins: until it is written down and in its cgroup. It is held by a shell that reads a line
/// from a pipe; if the gateway dies first the line never comes, and the shell ends.
/// </summary>
internal sealed class Gate : IDisposable
{
    private const int PipeNumber = 9;
    private const string Script = "read -r go <&9 || exit 125; exec 9<&-; exec \"$@\"";

    // The shell stays for the command's end, which it writes to a file.
    private const string RecordingScript = "read -r go <&9 || exit 125; exec 9<&-; \"$@\"; code=$?; echo $code >\"$0.new\"; mv \"$0.new\" \"$0\"; exit $code";

    private readonly SafeFd _line;

    private Gate(ChildProcess child, SafeFd line) => (Child, _line) = (child, line);

    /// <summary>The shell, and where it does not stay, the command.</summary>
    public ChildProcess Child { get; }

    /// <summary>Starts the shell before the gate.</summary>
    /// <param name="command">What comes after it.</param>
    /// <param name="exitFile">Where the command's exit status is to be written; null: the shell becomes the command.</param>
    public static Gate Before(Command command, string? exitFile = null)
    {
        var (read, write) = SafeFd.Pipe();
        using (read)
        {
            try
            {
                var child = ChildProcess.Start(command with
                {
                    Path = "/bin/sh",
                    Arguments = ["-c", exitFile is null ? Script : RecordingScript, exitFile ?? "gate", command.Path, .. command.Arguments],
                    Descriptors = new Dictionary<int, SafeFd>(command.Descriptors) { [PipeNumber] = read },
                    NewSession = true,
                });
                return new(child, write);
            }
            catch
            {
                write.Dispose();
                throw;
            }
        }
    }

    /// <summary>Lets it begin.</summary>
    public void Open()
    {
        try
        {
            _line.Write("\n"u8);
        }
        catch (LinuxException)
        {
            // EPIPE: somebody killed the shell, which its end tells.
        }
    }

    public void Dispose() => _line.Dispose();
}
