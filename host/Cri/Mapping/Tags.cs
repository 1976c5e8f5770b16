using System.Text;
using Google.Protobuf.Collections;

namespace Berth.Cri.Mapping;

/// <summary>
/// Labels and annotations. Lists carry them for every object, and a list that is too large for one message fails as a
/// whole, so each object's share is bounded when it is made.
/// </summary>
internal static class Tags
{
    private const int MaxLabelBytes = 4096;

    // The API server takes 256 KiB for all annotations of an object; the kubelet adds some of its own.
    private const int MaxTotalBytes = 512 * 1024;

    public static IReadOnlyDictionary<string, string> Labels(MapField<string, string> labels, string field)
    {
        foreach (var (key, value) in labels)
        {
            CheckKey(key, field);
            if (Bytes(key, value) > MaxLabelBytes)
            {
                throw Field.Wrong(field, $"has the label {Field.Show(key)} with more than {MaxLabelBytes} bytes, key and value together");
            }

            _ = Field.Line(value, $"{field}[{Field.Show(key)}]");
        }

        return Copy(labels, field);
    }

    public static IReadOnlyDictionary<string, string> Annotations(MapField<string, string> annotations, string field)
    {
        foreach (var key in annotations.Keys)
        {
            CheckKey(key, field);
        }

        return Copy(annotations, field);
    }

    private static void CheckKey(string key, string field)
    {
        if (key.Length == 0 || key.Any(char.IsControl))
        {
            throw Field.Wrong(field, $"has the key {Field.Show(key)}; a key must not be empty and has no control characters");
        }
    }

    private static Dictionary<string, string> Copy(MapField<string, string> map, string field) =>
        map.Sum(static entry => Bytes(entry.Key, entry.Value)) <= MaxTotalBytes
            ? new(map)
            : throw Field.Wrong(field, $"has more than {MaxTotalBytes} bytes in all");

    private static long Bytes(string key, string value) => (long)Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(value);
}
