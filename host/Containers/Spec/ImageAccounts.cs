using System.Text;
using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>A line of passwd(5).</summary>
internal sealed record Account(string Name, uint Uid, uint Gid);

/// <summary>
/// Users and groups of an image: passwd(5) and group(5). Lines that are malformed are passed over as libc does, unless they are
/// the one that is asked for. Works on bytes, so that a file at its size limit costs its size.
/// </summary>
internal sealed class ImageAccounts(byte[] passwd, byte[] group)
{
    // NGROUPS_MAX, see getgroups(2).
    private const int MaxGroups = 65536;

    internal static ImageAccounts Read(string rootfs) => new(ImageFile.Read(rootfs, "/etc/passwd"), ImageFile.Read(rootfs, "/etc/group"));

    internal Account? FindByName(string name)
    {
        foreach (var fields in Lines(passwd, Encoding.UTF8.GetBytes(name)))
        {
            return fields.Length >= 4 && StrictId.TryParse(fields[2], out var uid) && StrictId.TryParse(fields[3], out var gid)
                ? new(name, uid, gid)
                : throw RuntimeException.InvalidArgument($"the line of user \"{name}\" in the image's /etc/passwd has no valid ids");
        }

        return null;
    }

    internal Account? FindByUid(uint uid)
    {
        foreach (var fields in Lines(passwd))
        {
            if (fields.Length >= 4 && StrictId.TryParse(fields[2], out var found) && found == uid && StrictId.TryParse(fields[3], out var gid))
            {
                return new(fields[0], uid, gid);
            }
        }

        return null;
    }

    internal uint? FindGroup(string name)
    {
        foreach (var fields in Lines(group, Encoding.UTF8.GetBytes(name)))
        {
            return fields.Length >= 3 && StrictId.TryParse(fields[2], out var gid)
                ? gid
                : throw RuntimeException.InvalidArgument($"the line of group \"{name}\" in the image's /etc/group has no valid id");
        }

        return null;
    }

    /// <summary>The groups that list the user as a member.</summary>
    internal IReadOnlyList<uint> GroupsOf(string user)
    {
        var groups = new List<uint>();
        foreach (var fields in Lines(group))
        {
            if (fields.Length >= 4 && StrictId.TryParse(fields[2], out var gid) && fields[3].Split(',').Contains(user))
            {
                groups.Add(gid);
            }

            if (groups.Count > MaxGroups)
            {
                throw RuntimeException.InvalidArgument($"the image's /etc/group puts user \"{user}\" into more than {MaxGroups} groups");
            }
        }

        return groups;
    }

    /// <summary>The fields of each line; with a name only of lines that begin with it.</summary>
    private static IEnumerable<string[]> Lines(byte[] file, byte[]? name = null)
    {
        for (var start = 0; start < file.Length;)
        {
            var length = Array.IndexOf(file, (byte)'\n', start) is >= 0 and var end ? end - start : file.Length - start;
            if (name is null || StartsWithField(file.AsSpan(start, length), name))
            {
                yield return Encoding.UTF8.GetString(file, start, length).Split(':');
            }

            start += length + 1;
        }
    }

    private static bool StartsWithField(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name) =>
        line.StartsWith(name) && line.Length > name.Length && line[name.Length] == (byte)':';
}
