using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Network;

/// <summary>A plugin's own error; CNI specification, section 5, "Error".</summary>
internal static class CniFault
{
    private const int MaxTextLength = 1024;

    public static RuntimeException FromExit(CniCall call, CommandResult result)
    {
        var (code, text) = Describe(result);
        return new(Kind(code), $"{call.Description}: {text}");
    }

    private static (long Code, string Text) Describe(CommandResult result)
    {
        try
        {
            var error = JsonElement.Parse(result.Output);
            var code = error.TryGetProperty("code", out var number) && number.TryGetInt64(out var value) ? value : 0;
            var details = Text(error, "details");
            return (code, $"{Text(error, "msg")}{(details.Length == 0 ? "" : $": {details}")} (code {code})");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not in the form of the specification: what it wrote is all there is to say.
            var said = result.Error.Length > 0 ? result.Error : result.OutputText;
            return (0, $"exit status {result.ExitCode}: {Printable(said)}");
        }
    }

    private static string Text(JsonElement error, string key) =>
        error.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? Printable(value.GetString()!) : "";

    private static string Printable(string text)
    {
        var trimmed = text.Trim();
        var cut = trimmed.Length > MaxTextLength ? trimmed[..MaxTextLength] + "..." : trimmed;
        return string.Concat(cut.Select(static c => char.IsControl(c) ? ' ' : c));
    }

    // 1 version, 2 field, 4 environment, 6 decoding, 7 configuration: no retry helps before someone corrects the configuration.
    private static RuntimeErrorCode Kind(long code) =>
        code is 1 or 2 or 4 or 6 or 7 ? RuntimeErrorCode.FailedPrecondition : RuntimeErrorCode.Unavailable;
}
