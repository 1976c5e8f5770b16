namespace Berth.Configuration;

/// <summary>All that is wrong with the configuration, at once. The process ends with exit code 78 (EX_CONFIG of sysexits.h).</summary>
public sealed class ConfigurationException(string source, IReadOnlyList<string> errors)
    : Exception($"{source}: {(errors.Count == 1 ? "1 error" : $"{errors.Count} errors")}\n{string.Join('\n', errors.Select(static e => $"  {e}"))}")
{
    public const int ExitCode = 78;

    /// <summary>Each begins with the path of the key, such as <c>selection.rules[0].use</c>.</summary>
    public IReadOnlyList<string> Errors => errors;
}
