#include "view/report/page_frame.h"

#include "view/report/html.h"
#include "view/report/page_script.h"
#include "view/report/page_style.h"

namespace mm {

std::string page_frame(const std::string& title, const std::string& body) {
  const std::string escaped = escape_html(title);
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
         "script-src 'unsafe-inline'\"><meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
         escaped + "</title>\n<style>" + page_style() + "</style></head>\n<body>\n<h1>" + escaped + "</h1>\n" + body +
         "<script>" + page_script() + "</script>\n</body></html>\n";
}

}  // namespace mm
