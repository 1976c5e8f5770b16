using System.Text;
using System.Text.Json;
using Berth.Common;
using k8s.Models;

namespace Berth.Cluster;

/// <summary>Between a notice and the API's object.</summary>
internal static class EventObject
{
    private const string Controller = "berth.dev/gateway";

    // The API's own limit is 1,024 bytes.
    private const int LongestNote = 1000;

    // Of things that lie in no namespace.
    private const string NodeNamespace = "default";

    public static string NamespaceOf(Notice notice) => notice.Pod?.Namespace ?? NodeNamespace;

    public static Eventsv1Event Create(Notice notice, string name, string node, DateTimeOffset now) => new()
    {
        ApiVersion = "events.k8s.io/v1",
        Kind = "Event",
        Metadata = new() { Name = name, NamespaceProperty = NamespaceOf(notice) },
        EventTime = now.UtcDateTime,
        Type = notice.IsWarning ? "Warning" : "Normal",
        Reason = notice.Reason,
        Action = notice.Pod is null ? "Watching" : "Starting",
        Note = Note(notice.Message),
        Regarding = notice.Pod is { } pod
            ? new() { ApiVersion = "v1", Kind = "Pod", NamespaceProperty = pod.Namespace, Name = pod.Name, Uid = pod.Uid }
            : new() { ApiVersion = "v1", Kind = "Node", Name = node, Uid = node },
        ReportingController = Controller,
        ReportingInstance = node,
    };

    /// <summary>So often by now.</summary>
    public static V1Patch Again(int count, DateTimeOffset now) => new(
        JsonSerializer.Serialize(new { series = new { count, lastObservedTime = now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture) } }),
        V1Patch.PatchType.MergePatch);

    // Parts of it come from pods.
    private static string Note(string message)
    {
        var text = string.Concat(message.Select(static c => char.IsControl(c) ? ' ' : c));
        while (Encoding.UTF8.GetByteCount(text) > LongestNote)
        {
            text = text[..(text.Length * LongestNote / Encoding.UTF8.GetByteCount(text) - 1)] + "…";
        }

        return text;
    }
}
