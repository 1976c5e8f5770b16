using System.Globalization;
using Berth.Linux;
using Berth.PluginHost;
using Berth.Remoting.Wire;

// berth-plugin-host PARENT: serves one plugin's contract to the gateway over the socket that is descriptor 3.
const int Socket = 3, Usage = 64;
if (args is not [var parent] || !int.TryParse(parent, NumberStyles.None, CultureInfo.InvariantCulture, out var parentId))
{
    Console.Error.WriteLine("berth-plugin-host is started by berth, which runs a plugin in it");
    return Usage;
}

if (!OwnProcess.TryEndWith(parentId))
{
    return 0;
}

OwnProcess.ShieldInheritedDescriptors();
OwnProcess.SetUmask();
using var server = new PluginServer();
var peer = new Peer(new FrameSocket(new SafeFd(Socket)), server.ServeAsync);
await peer.RunAsync();

// Without the gateway there is nothing to do. Nothing of the plugin's is asked: it may never end.
OwnProcess.EndNow(0);
return 0;
