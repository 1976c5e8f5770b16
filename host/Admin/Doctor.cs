namespace Berth.Admin;

/// <summary>One result of an examination.</summary>
/// <param name="Severity">How bad.</param>
/// <param name="Subject">Of what.</param>
/// <param name="Message">What is so.</param>
/// <param name="Remedy">What to do; empty if nothing.</param>
public sealed record DoctorFinding(DoctorSeverity Severity, string Subject, string Message, string Remedy)
{
    public static DoctorFinding Ok(string subject, string message) => new(DoctorSeverity.Ok, subject, message, "");

    public static DoctorFinding Warning(string subject, string message, string remedy) => new(DoctorSeverity.Warning, subject, message, remedy);

    public static DoctorFinding Error(string subject, string message, string remedy) => new(DoctorSeverity.Error, subject, message, remedy);
}

public enum DoctorSeverity
{
    Ok,
    Warning,
    Error,
}

/// <summary>Looks at one side of the machine or the gateway; changes nothing.</summary>
public interface IDoctorCheck
{
    /// <summary>What is looked at, for the finding if the look itself fails.</summary>
    string Subject { get; }

    IEnumerable<DoctorFinding> Examine();
}

/// <summary>Runs all checks; one that fails is a finding.</summary>
public sealed class Doctor(IEnumerable<IDoctorCheck> checks)
{
    /// <summary>The worst first.</summary>
    public async Task<IReadOnlyList<DoctorFinding>> ExamineAsync(CancellationToken cancellationToken)
    {
        var findings = await Task.WhenAll(checks.Select(c => Task.Run(() => Examine(c), cancellationToken)));
        return [.. findings.SelectMany(static f => f).OrderByDescending(static f => f.Severity)];
    }

    private static List<DoctorFinding> Examine(IDoctorCheck check)
    {
        try
        {
            return [.. check.Examine()];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return [DoctorFinding.Error(check.Subject, $"cannot be examined: {e.Message}", "run the gateway as root")];
        }
    }
}
