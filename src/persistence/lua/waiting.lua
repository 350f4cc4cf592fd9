-- waiting: -> waiting
return waiting_rows()
