using System.Globalization;

namespace Berth.Guest.Agent;

/// <summary>What proc_pid_stat(5) tells of a process.</summary>
/// <param name="State">Its state; X is one that counts as reaped.</param>
/// <param name="Session">The session that it is in.</param>
/// <param name="ExitStatus">Once it has ended: its exit status, or 128 + the signal.</param>
internal readonly record struct ProcessStat(char State, int Session, int ExitStatus)
{
    private const int SessionField = 6, ExitCodeField = 52;

    /// <summary>Reads it; null if the process is gone.</summary>
    public static ProcessStat? Of(int pid)
    {
        try
        {
            return Parse(File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat")));
        }
        catch (IOException)
        {
            return null;
        }
    }

    internal static ProcessStat Parse(string text)
    {
        // The name in parentheses may hold anything, so count from the last ')': state is field 3.
        var fields = text[(text.LastIndexOf(')') + 2)..].TrimEnd().Split(' ');
        var code = Number(fields, ExitCodeField);
        return new(fields[0][0], Number(fields, SessionField), (code & 0x7F) == 0 ? (code >> 8) & 0xFF : 128 + (code & 0x7F));
    }

    private static int Number(string[] fields, int field) => int.Parse(fields[field - 3], CultureInfo.InvariantCulture);
}
