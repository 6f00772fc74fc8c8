// A dashboard on a port: the only place of cpp-httplib.
#pragma once

#include <memory>
#include <string>

namespace httplib {
class Server;
}  // namespace httplib

namespace mm {

class Site;

class DashboardServer {
 public:
  /// Listens at `host`:`port` from here on; port 0 chooses one that is free. `site` outlives this object.
  /// Throws Error(kConfig) when that cannot be listened at: the port is taken, or the host is not this machine's.
  DashboardServer(Site& site, const std::string& host, int port);
  ~DashboardServer();

  int port() const { return port_; }
  /// `http://127.0.0.1:8642/`
  std::string url() const;

  /// Answers until stop() is called, from any thread.
  void serve();
  void stop();

 private:
  std::unique_ptr<httplib::Server> server_;
  std::string host_;
  int port_ = 0;
};

}  // namespace mm
