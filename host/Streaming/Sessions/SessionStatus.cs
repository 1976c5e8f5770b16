using System.Globalization;
using System.Text.Json.Nodes;

namespace Berth.Streaming.Sessions;

/// <summary>How a session ended, in the two forms that clients read: an object of Kubernetes' kind Status, or text for errors only.</summary>
internal sealed record SessionStatus
{
    private SessionStatus(string json, string text) => (Json, Text) = (json, text);

    public static SessionStatus Success { get; } = new("""{"metadata":{},"status":"Success"}""", "");

    /// <summary>From version 4 of the protocol on.</summary>
    public string Json { get; }

    /// <summary>Before; empty for success.</summary>
    public string Text { get; }

    public static SessionStatus Exited(int code)
    {
        if (code == 0)
        {
            return Success;
        }

        var number = code.ToString(CultureInfo.InvariantCulture);
        var message = $"command terminated with non-zero exit code: exit status {number}";
        return new(
            Failure(message, "NonZeroExitCode", new JsonObject { ["causes"] = new JsonArray(new JsonObject { ["reason"] = "ExitCode", ["message"] = number }) }),
            message);
    }

    public static SessionStatus Failed(string message) => new(Failure($"Internal error occurred: {message}", "InternalError", null, 500), message);

    private static string Failure(string message, string reason, JsonObject? details, int? code = null)
    {
        var status = new JsonObject { ["metadata"] = new JsonObject(), ["status"] = "Failure", ["message"] = message, ["reason"] = reason };
        if (details is not null)
        {
            status["details"] = details;
        }

        if (code is not null)
        {
            status["code"] = code;
        }

        return status.ToJsonString();
    }
}
